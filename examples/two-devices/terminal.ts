/** Output for a person: 100 columns, few colours, none where there is no terminal or NO_COLOR is set (no-color.org). */
import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red';

export interface Terminal {
  paint(style: Style, text: string): string;
  line(text?: string): void;
  /** Does the work, then prints its title with the time it took, and the lines it returned. */
  step<T>(title: string, work: () => Promise<StepResult<T>>): Promise<T>;
}

export interface StepResult<T> {
  readonly lines: readonly string[];
  readonly result: T;
}

export const columns = 100;
/** Where a column of text begins that stands beside a device's name. */
const nameWidth = 9;

export function createTerminal(out: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Terminal {
  const hasColour = out.isTTY && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  const paint = (style: Style, text: string): string => (hasColour ? styleText(style, text) : text);
  const line = (text = ''): void => void out.write(`${text}\n`);
  let number = 0;
  return {
    paint,
    line,
    async step(title, work) {
      const startedAt = performance.now();
      const { lines, result } = await work();
      const took = `${((performance.now() - startedAt) / 1_000).toFixed(2)} s`;
      const heading = `${++number}  ${title}`;
      line(`${paint('bold', heading)}${paint('dim', took.padStart(columns - heading.length))}`);
      for (const text of lines) line(text === '' ? '' : `   ${text}`);
      line();
      return result;
    },
  };
}

/** `laptop   text`, for columns that line up. */
export const beside = (name: string, text: string): string => name.padEnd(nameWidth) + text;

/** In quotes, cut at the end to so many characters. */
export function quote(text: string, width: number): string {
  const characters = Array.from(text);
  return characters.length <= width - 2 ? `"${text}"` : `"${characters.slice(0, width - 3).join('')}…"`;
}

/** Broken at spaces, into lines of at most so many characters. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length + 1 > width) {
      lines.push(line);
      line = '';
    }
    line += line === '' ? word : ` ${word}`;
  }
  return [...lines, line];
}
