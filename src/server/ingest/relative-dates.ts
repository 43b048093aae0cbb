/**
 * "Yesterday" as a date, for what is read years later: the usual phrases of English and German, reckoned from the day on which
 * they were said. Pure: the time is an argument.
 */

/** @param at ISO 8601 with its offset: the day is the speaker's own. */
export function resolveDates(text: string, at: string): string {
  const today = localDay(at);
  if (today === null) return text;
  let resolved = text;
  for (const { pattern, toDate } of phrases) {
    resolved = resolved.replace(pattern, (whole: string, ...rest: unknown[]) => {
      const groups = rest.filter((part): part is string => typeof part === 'string').slice(0, -1);
      const offset = rest.find((part): part is number => typeof part === 'number') ?? 0;
      const said = toDate(today, groups);
      if (said === null) return whole;
      const isGoverned = preposition.test(resolved.slice(0, offset));
      return isGoverned || said.word === '' ? said.date : `${said.word} ${said.date}`;
    });
  }
  return resolved;
}

interface Said {
  /** The preposition that the date needs where none is before it. */
  readonly word: string;
  readonly date: string;
}

interface Phrase {
  readonly pattern: RegExp;
  readonly toDate: (today: Date, groups: readonly string[]) => Said | null;
}

const dayMs = 86_400_000;

/** The calendar day at the place of the time, as that day's midnight in UTC. */
function localDay(at: string): Date | null {
  const match = /^(\d{4}-\d\d-\d\d)T/.exec(at);
  const ms = match === null ? Number.NaN : Date.parse(`${match[1]}T00:00:00Z`);
  return Number.isNaN(ms) ? null : new Date(ms);
}

/** What already governs the phrase: "by tomorrow" is "by 2026-01-06". */
const preposition = /\b(?:by|until|till|before|after|since|from|on|to|through|bis|vor|nach|seit|ab|am|zum|von)\s+$/i;

const toDay = (date: Date): string => date.toISOString().slice(0, 10);
const toMonth = (date: Date): string => date.toISOString().slice(0, 7);
const addDays = (date: Date, days: number): Date => new Date(date.getTime() + days * dayMs);

/** The same day of another month, or that month's last. */
function addMonths(date: Date, months: number): Date {
  const first = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, 1));
  const days = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
  return addDays(first, Math.min(date.getUTCDate(), days) - 1);
}

const monday = (date: Date): Date => addDays(date, -((date.getUTCDay() + 6) % 7));

const onDay = (word: string, days: number) => (today: Date) => ({ word, date: toDay(addDays(today, days)) });

const day = (source: string, word: string, days: number): Phrase => ({ pattern: phrase(source), toDate: onDay(word, days) });

const unitPhrase = (source: string, word: string, sign: (groups: readonly string[]) => number): Phrase => ({
  pattern: phrase(source),
  toDate: (today, groups) => {
    const steps = sign(groups);
    const unit = groups.at(-1)?.toLowerCase() ?? '';
    if (/^(?:week|woche)/.test(unit)) {
      const start = toDay(addDays(monday(today), 7 * steps));
      return { word: '', date: word === 'on' ? `in the week of ${start}` : `in der Woche vom ${start}` };
    }
    if (/^mon/.test(unit)) return { word: 'in', date: toMonth(addMonths(monthStart(today), steps)) };
    return { word: 'in', date: String(today.getUTCFullYear() + steps) };
  },
});

const monthStart = (date: Date): Date => addDays(date, 1 - date.getUTCDate());

const distance = (source: string, word: string, sign: 1 | -1): Phrase => ({
  pattern: phrase(source),
  toDate: (today, [number = '', unit = '']) => {
    const amount = numberByWord.get(number.toLowerCase()) ?? Number(number);
    if (!Number.isInteger(amount) || amount > 10_000) return null;
    const name = unit.toLowerCase();
    if (/^(?:day|tag)/.test(name)) return { word, date: toDay(addDays(today, sign * amount)) };
    if (/^(?:week|woche)/.test(name)) return { word, date: toDay(addDays(today, sign * amount * 7)) };
    if (/^mon/.test(name)) return { word: 'in', date: toMonth(addMonths(monthStart(today), sign * amount)) };
    return { word: 'in', date: String(today.getUTCFullYear() + sign * amount) };
  },
});

const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const wochentage = ['sonntag', 'montag', 'dienstag', 'mittwoch', 'donnerstag', 'freitag', 'samstag'];

/** "Last Friday" is the latest one before today; "on Friday" and "next Friday" the first one after it. */
const weekday = (source: string, names: readonly string[], word: string, isPast: (said: string) => boolean): Phrase => ({
  pattern: phrase(source.replace('%', names.join('|'))),
  toDate: (today, [how = '', name = '']) => {
    const ahead = (names.indexOf(name.toLowerCase()) - today.getUTCDay() + 7) % 7 || 7;
    return { word, date: toDay(addDays(today, isPast(how.toLowerCase()) ? ahead - 7 || -7 : ahead)) };
  },
});

function phrase(source: string): RegExp {
  return new RegExp(`(?<![\\p{L}\\d-])(?:${source})(?![\\p{L}\\d-])`, 'giu');
}

const numberByWord = new Map(
  [
    ['a', 'an', 'one', 'ein', 'eine', 'einem', 'einer', 'einen'],
    ['two', 'zwei', 'a couple of'],
    ['three', 'drei'],
    ['four', 'vier'],
    ['five', 'fünf'],
    ['six', 'sechs'],
    ['seven', 'sieben'],
    ['eight', 'acht'],
    ['nine', 'neun'],
    ['ten', 'zehn'],
  ].flatMap((words, index) => words.map((word) => [word, index + 1] as const)),
);

const count = `(\\d{1,4}|${[...numberByWord.keys()].join('|')})`;

const phrases: readonly Phrase[] = [
  day('the day before yesterday', 'on', -2),
  day('the day after tomorrow', 'on', 2),
  day('yesterday(?: morning| afternoon| evening| night)?|last night', 'on', -1),
  day('today|tonight|this (?:morning|afternoon|evening)', 'on', 0),
  day('tomorrow(?: morning| afternoon| evening| night)?', 'on', 1),
  day('vorgestern', 'am', -2),
  day('übermorgen', 'am', 2),
  day('gestern(?: früh| morgen| mittag| nachmittag| abend)?', 'am', -1),
  day('heute(?: früh| morgen| mittag| nachmittag| abend)?', 'am', 0),
  { pattern: /(?<![\p{L}\d-])morgen(?: früh| mittag| nachmittag| abend)?(?![\p{L}\d-])/gu, toDate: onDay('am', 1) },
  distance(`${count} (days?|weeks?|months?|years?) ago`, 'on', -1),
  distance(`in ${count} (days?|weeks?|months?|years?)(?!['’])`, 'on', 1),
  distance(`vor ${count} (tag(?:en)?|wochen?|monat(?:en)?|jahr(?:en)?)`, 'am', -1),
  distance(`in ${count} (tag(?:en)?|wochen?|monat(?:en)?|jahr(?:en)?)`, 'am', 1),
  unitPhrase('(last|this|next) (week|month|year)', 'on', ([how]) => stepByWord.get(how?.toLowerCase() ?? '') ?? 0),
  unitPhrase('(letzte|diese|nächste)[nrsm]? (woche|monat|jahr)', 'am', ([how]) => stepByWord.get(how?.toLowerCase() ?? '') ?? 0),
  weekday('(last|next|this|on) (%)', weekdays, 'on', (how) => how === 'last'),
  weekday('(letzten|nächsten|diesen|kommenden|am) (%)', wochentage, 'am', (how) => how === 'letzten'),
];

const stepByWord = new Map([
  ['last', -1],
  ['letzte', -1],
  ['this', 0],
  ['diese', 0],
  ['next', 1],
  ['nächste', 1],
]);
