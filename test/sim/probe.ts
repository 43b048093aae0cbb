import { generate } from './generate.ts';
import { simulate } from './simulate.ts';
const [start = '1', count = '1', trace = '', only = ''] = process.argv.slice(2);
const t = performance.now(); let bad = 0, ev = 0, le = 0;
for (let seed = Number(start); seed < Number(start) + Number(count); seed++) {
  const schedule = generate(seed, { minutes: 4, ...(only && { only: only.split(',') as never }) });
  const o = await simulate(schedule, { keepsTrace: trace === 'trace' });
  ev += o.events; le += o.logEvents;
  if (trace === 'trace') console.log(o.trace.join('\n'));
  if (o.defects.length) { bad++; console.log(seed, o.defects[0]?.oracle, o.defects[0]?.text.slice(0, 400)); }
}
const s = (performance.now() - t) / 1000;
console.log({ bad, seconds: s, perSecond: Number(count) / s, events: ev / Number(count), logEvents: le / Number(count) });
