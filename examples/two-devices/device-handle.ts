/** The demo's side of a device process. */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { DeviceId } from '../../src/core/ids.ts';
import type { Cleanup } from './cleanup.ts';
import type { AnswerMessage, OrderName, Orders } from './device-orders.ts';
import { endProcess } from './end-process.ts';

export interface DeviceOptions {
  readonly name: string;
  readonly id: DeviceId;
  readonly token: string;
  /** Of its clock; negative when it runs behind. */
  readonly aheadMs: number;
}

export interface DeviceHandle extends DeviceOptions {
  readonly pid: number;
  ask<Name extends OrderName>(name: Name, argument: Orders[Name]['argument']): Promise<Orders[Name]['answer']>;
}

interface Pending {
  readonly resolve: (answer: Orders[OrderName]['answer']) => void;
  readonly reject: (error: Error) => void;
}

export function startDevice(cleanup: Cleanup, options: DeviceOptions): DeviceHandle {
  const child = fork(join(import.meta.dirname, 'device.js'), [options.id, String(options.aheadMs)]);
  cleanup.defer(() => endProcess(child));
  const pendingById = new Map<number, Pending>();
  let lastId = 0;
  child.on('message', (message: AnswerMessage) => {
    const pending = pendingById.get(message.id);
    pendingById.delete(message.id);
    if ('error' in message) pending?.reject(new Error(`${options.name}: ${message.error}`));
    else pending?.resolve(message.answer);
  });
  child.on('exit', (code, signal) => {
    for (const { reject } of pendingById.values())
      reject(new Error(`the process of the ${options.name} ended: ${code ?? signal}`));
  });
  return {
    ...options,
    pid: child.pid ?? 0,
    ask: <Name extends OrderName>(name: Name, argument: Orders[Name]['argument']) =>
      new Promise<Orders[Name]['answer']>((resolve, reject) => {
        const id = ++lastId;
        pendingById.set(id, { resolve, reject });
        child.send({ id, name, argument }, (error) => error !== null && reject(error));
      }),
  };
}
