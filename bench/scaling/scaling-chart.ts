/** The chart of a scaling result. */
import { drawChart, type Panel, type Series } from './chart.ts';
import type { ScalingResult } from './scaling-result.ts';

export function chartOf({ machine, engine, startedAt, events, sockets, users }: ScalingResult): string {
  const ofEvents = seriesOf(events, ({ events }) => events);
  const ofSockets = seriesOf(sockets, ({ sockets }) => sockets);
  const ofUsers = seriesOf(users, ({ users }) => users);
  const panels: readonly Panel[] = [
    {
      title: 'One user’s log: latency',
      unit: 'ms',
      sizeName: 'events',
      series: [
        ofEvents('append p50', ({ appendP50 }) => appendP50),
        ofEvents('append p95', ({ appendP95 }) => appendP95),
        ofEvents('delta of 10', ({ deltaP50 }) => deltaP50),
      ],
    },
    {
      title: 'One user’s log: size',
      unit: 'MB',
      sizeName: 'events',
      series: [
        ofEvents('on disk', ({ diskMegabytes }) => diskMegabytes),
        ofEvents('server RSS', ({ rssMegabytes }) => rssMegabytes),
      ],
    },
    {
      title: 'Open sockets: size',
      unit: 'MB',
      sizeName: 'sockets',
      series: [ofSockets('server RSS', ({ rssMegabytes }) => rssMegabytes)],
    },
    {
      title: 'Open sockets: one push',
      unit: 'ms',
      sizeName: 'sockets',
      series: [
        ...(sockets.some(({ cpuMsPerPush }) => cpuMsPerPush === null)
          ? []
          : [ofSockets('server CPU', ({ cpuMsPerPush }) => cpuMsPerPush ?? 0)]),
        ofSockets('latency p50', ({ pushP50 }) => pushP50),
      ],
    },
    {
      title: 'Accounts: a create, 16 at a time',
      unit: 'ms',
      sizeName: 'users',
      series: [ofUsers('p50', ({ createP50 }) => createP50), ofUsers('p95', ({ createP95 }) => createP95)],
    },
    {
      title: 'Accounts: size',
      unit: 'MB',
      sizeName: 'users',
      series: [ofUsers('server RSS', ({ rssMegabytes }) => rssMegabytes)],
    },
  ];
  const where = `${machine.cpu}, ${machine.cores} cores, ${machine.ram} GiB; ${engine}, Node ${machine.node.slice(1)}; ${startedAt.slice(0, 10)}`;
  return drawChart('Cost against size', where, panels);
}

const seriesOf =
  <Point>(points: readonly Point[], sizeOf: (point: Point) => number) =>
  (name: string, pick: (point: Point) => number): Series => ({
    name,
    points: points.map((point) => ({ size: sizeOf(point), value: pick(point) })),
  });
