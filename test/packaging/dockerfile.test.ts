/** What can be said of the Dockerfile without building it. hadolint comes as a download only; the rules of its that apply are here. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { validate } from 'dockerfile-utils';
import { expect, it } from 'vitest';
import { parseDockerfile } from '../support/dockerfile.ts';

const root = join(import.meta.dirname, '../..');
const text = await readFile(join(root, 'Dockerfile'), 'utf8');
const stages = parseDockerfile(text);
const final = stages.at(-1);
const stepsOf = (kind: string) => stages.flatMap(({ steps }) => steps).filter((step) => step.kind === kind);

it('[house] the Dockerfile is valid', () => {
  expect(validate(text, { instructionWorkdirRelative: 2, deprecatedMaintainer: 2, instructionCmdMultiple: 2 })).toEqual([]);
  expect(validate('FROM node\nRUM npm ci\n')).toHaveLength(1);
});

it('[house] its images are of one release and slim, so that a build tomorrow is the build of today (DL3006, DL3007)', () => {
  for (const { base } of stages) expect(base).toMatch(/^node:\d+\.\d+\.\d+-\w+-slim$/);
});

it('[house] the last stage runs as a user who is not root, and stops by the signal that drains (DL3002)', () => {
  const users = final?.steps.filter((step) => step.kind === 'USER');
  expect(users).toEqual([{ kind: 'USER', user: 'node' }]);
  expect(final?.steps).toContainEqual({ kind: 'STOPSIGNAL', signal: 'SIGTERM' });
});

it('[house] there is one health check, entry point and command, in JSON, so that no shell swallows the signal (DL3025, DL4003)', () => {
  for (const kind of ['HEALTHCHECK', 'ENTRYPOINT', 'CMD']) {
    expect(stepsOf(kind)).toHaveLength(1);
    expect(final?.steps.some((step) => step.kind === kind)).toBe(true);
  }
});

it('[house] folders are absolute, and copies come from the context or a stage that is built (DL3000, DL3022)', () => {
  for (const step of stages.flatMap(({ steps }) => steps)) {
    if (step.kind === 'WORKDIR') expect(step.path).toMatch(/^\//);
    if (step.kind === 'COPY' && step.from !== null) expect(stages.map(({ name }) => name)).toContain(step.from);
  }
});

it('[house] packages are those of the lock file (DL3016)', () => {
  const commands = stages.flatMap(({ steps }) => steps).flatMap((step) => (step.kind === 'RUN' ? [step.command] : []));
  expect(commands.filter((command) => command.includes('npm ci'))).toHaveLength(1);
  expect(commands.filter((command) => /npm (i|install)\b/.test(command))).toEqual([]);
});

it('[house] nothing secret is written into a layer', () => {
  for (const step of stages.flatMap(({ steps }) => steps)) {
    if (step.kind !== 'ENV') continue;
    for (const name of Object.keys(step.values)) expect(name).not.toMatch(/SECRET|PASSWORD|TOKEN|KEY|_URL/);
  }
});
