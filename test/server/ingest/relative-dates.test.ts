import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolveDates } from '../../../src/server/ingest/relative-dates.ts';

/** A Wednesday. */
const at = '2026-01-07T12:00:00Z';

const cases: readonly (readonly [said: string, meant: string])[] = [
  ['I moved yesterday.', 'I moved on 2026-01-06.'],
  ['Yesterday I moved', 'on 2026-01-06 I moved'],
  ['I slept badly last night', 'I slept badly on 2026-01-06'],
  ['The day before yesterday it rained', 'on 2026-01-05 it rained'],
  ['I leave tomorrow morning', 'I leave on 2026-01-08'],
  ['It is due by tomorrow', 'It is due by 2026-01-08'],
  ['the day after tomorrow', 'on 2026-01-09'],
  ['We meet today', 'We meet on 2026-01-07'],
  ['I moved 3 days ago', 'I moved on 2026-01-04'],
  ['I moved two weeks ago', 'I moved on 2025-12-24'],
  ['I moved a month ago', 'I moved in 2025-12'],
  ['I moved 10 years ago', 'I moved in 2016'],
  ['I leave in 5 days', 'I leave on 2026-01-12'],
  ['I moved last week', 'I moved in the week of 2025-12-29'],
  ['We start next month', 'We start in 2026-02'],
  ['I graduate this year', 'I graduate in 2026'],
  ['I moved last year', 'I moved in 2025'],
  ['We meet on Friday', 'We meet on 2026-01-09'],
  ['We meet next Wednesday', 'We meet on 2026-01-14'],
  ['We met last Wednesday', 'We met on 2025-12-31'],
  ['We met last Tuesday', 'We met on 2026-01-06'],
  ['Ich bin gestern umgezogen', 'Ich bin am 2026-01-06 umgezogen'],
  ['Ich fahre morgen nach Bern', 'Ich fahre am 2026-01-08 nach Bern'],
  ['Guten Morgen', 'Guten Morgen'],
  ['Ich bin vor drei Tagen umgezogen', 'Ich bin am 2026-01-04 umgezogen'],
  ['Ich bin letzte Woche umgezogen', 'Ich bin in der Woche vom 2025-12-29 umgezogen'],
  ['Nächstes Jahr heirate ich', 'in 2027 heirate ich'],
  ['Bis übermorgen', 'Bis 2026-01-09'],
  ['Wir treffen uns am Freitag', 'Wir treffen uns am 2026-01-09'],
  ['a yesterdayish mood in 3 daysteps', 'a yesterdayish mood in 3 daysteps'],
];

describe('relative dates', () => {
  it.each(cases)('%s → %s', (said, meant) => {
    expect(resolveDates(said, at)).toBe(meant);
  });

  it('the day is that of the speaker, not of UTC', () => {
    expect(resolveDates('I moved yesterday', '2026-01-08T03:00:00+09:00')).toBe('I moved on 2026-01-07');
    expect(resolveDates('I moved yesterday', '2026-01-06T23:30:00-05:00')).toBe('I moved on 2026-01-05');
  });

  it('the last day of a long month is no reason to skip a short one', () => {
    expect(resolveDates('We start next month', '2026-01-31T12:00:00Z')).toBe('We start in 2026-02');
  });

  it('a second look changes nothing, on any day', () => {
    const days = fc.date({ min: new Date('1971-01-01'), max: new Date('2199-12-31'), noInvalidDate: true });
    fc.assert(
      fc.property(fc.constantFrom(...cases), days, ([said], day) => {
        const once = resolveDates(said, day.toISOString());
        expect(resolveDates(once, day.toISOString())).toBe(once);
      }),
    );
  });
});
