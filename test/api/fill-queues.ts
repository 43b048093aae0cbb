import { type Admission, workKinds } from '../../src/server/admission/admission.ts';

/** Takes every turn and every place of one key, in each queue, and never leaves. @param key a user's id, or an address. */
export function fillQueues({ queues }: Admission, key: string): void {
  for (const kind of workKinds) {
    let isFull = false;
    const waiter = {
      admitted: () => undefined,
      refused: () => {
        isFull = true;
      },
    };
    while (!isFull) queues[kind].enter(key, waiter);
  }
}
