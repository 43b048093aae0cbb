import { EventEmitter } from 'node:events';
import type { FastifyReply } from 'fastify';
import { expect, it } from 'vitest';
import { createTurn } from '../../../src/server/edge/turn.ts';

/** What a turn looks at of an answer. */
function scene() {
  const socket = Object.assign(new EventEmitter(), { destroyed: false });
  const raw = Object.assign(new EventEmitter(), { req: { socket } });
  let left = 0;
  const turn = createTurn({ raw } as unknown as FastifyReply, () => left++);
  return { socket, raw, turn, left: () => left };
}

it('[SEC-16] a turn lasts until the work is done, also when who asked for it is gone', () => {
  const { socket, turn, left } = scene();
  turn.begin();
  socket.emit('close');
  expect(left()).toBe(0);
  turn.end();
  expect(left()).toBe(1);
});

it('[SEC-16] a turn lasts until the answer is out, also when the work is done', () => {
  const { raw, turn, left } = scene();
  turn.begin();
  turn.end();
  expect(left()).toBe(0);
  raw.emit('finish');
  expect(left()).toBe(1);
});

it('[SEC-16] a turn whose work never began ends with the connection', () => {
  const { socket, left } = scene();
  socket.emit('close');
  expect(left()).toBe(1);
});
