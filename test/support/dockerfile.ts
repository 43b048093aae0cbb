/** A Dockerfile as stages of steps: what dockerfile-ast reads, in the words that building needs. */
import { DockerfileParser, type Env, type Instruction, type JSONInstruction } from 'dockerfile-ast';

/** A stage's name, or an image. */
export type BaseName = string;

export type Step =
  | { readonly kind: 'WORKDIR'; readonly path: string }
  | { readonly kind: 'ENV'; readonly values: Readonly<Record<string, string>> }
  | { readonly kind: 'COPY'; readonly from: string | null; readonly sources: readonly string[]; readonly target: string }
  | { readonly kind: 'RUN'; readonly command: string }
  | { readonly kind: 'USER'; readonly user: string }
  | { readonly kind: 'STOPSIGNAL'; readonly signal: string }
  | { readonly kind: 'HEALTHCHECK' | 'ENTRYPOINT' | 'CMD'; readonly command: readonly string[] }
  | { readonly kind: 'EXPOSE' | 'LABEL'; readonly text: string };

export interface Stage {
  readonly name: string;
  readonly base: BaseName;
  readonly steps: readonly Step[];
}

/** @throws on an instruction, a flag or a form that building does not know: nothing is left out in silence. */
export function parseDockerfile(text: string): readonly Stage[] {
  const file = DockerfileParser.parse(text);
  const stages: { name: string; base: BaseName; steps: Step[] }[] = [];
  for (const from of file.getFROMs()) {
    const argument = from.getImage() ?? '';
    const variable = /^\$\{?(\w+)\}?$/.exec(argument)?.[1];
    const base = variable === undefined ? argument : file.resolveVariable(variable, from.getRange().start.line);
    if (typeof base !== 'string') throw new Error(`${argument} has no value`);
    const scope = file.getContainingImage(from.getRange().start);
    const steps = (scope?.getInstructions() ?? []).slice(1).map(toStep);
    stages.push({ name: from.getBuildStage() ?? `${stages.length}`, base, steps });
  }
  return stages;
}

function toStep(instruction: Instruction): Step {
  const text = instruction.getRawArgumentsContent() ?? '';
  const words = instruction.getArguments().map((argument) => argument.getValue());
  const kind = instruction.getKeyword();
  switch (kind) {
    case 'WORKDIR':
      return { kind, path: text };
    case 'ENV':
      return { kind, values: valuesOf(instruction as Env) };
    case 'COPY':
      return { kind, from: onlyFlag(instruction, 'from'), sources: words.slice(0, -1), target: words.at(-1) ?? '' };
    case 'RUN':
      onlyFlag(instruction, null);
      return { kind, command: text };
    case 'USER':
      return { kind, user: text };
    case 'STOPSIGNAL':
      return { kind, signal: text };
    case 'HEALTHCHECK':
      return { kind, command: commandOf(text.replace(/^[^[]*\bCMD\s+/, '')) };
    case 'ENTRYPOINT':
    case 'CMD':
      return { kind, command: commandOf(text) };
    case 'EXPOSE':
    case 'LABEL':
      return { kind, text };
    default:
      throw new Error(`${kind} cannot be built here: teach it, or leave it out`);
  }
}

function valuesOf(instruction: Env): Readonly<Record<string, string>> {
  return Object.fromEntries(instruction.getProperties().map((property) => [property.getName(), property.getValue() ?? '']));
}

/** Its value; null where it is not there. @throws when there is another. */
function onlyFlag(instruction: Instruction, known: string | null): string | null {
  const flags = (instruction as JSONInstruction).getFlags();
  const other = flags.find((flag) => flag.getName() !== known);
  if (other !== undefined) throw new Error(`${other.toString()} cannot be built here: teach it, or leave it out`);
  return flags[0]?.getValue() ?? null;
}

/** In JSON, so that no shell stands between a signal and the program. */
function commandOf(text: string): readonly string[] {
  return JSON.parse(text) as readonly string[];
}
