/**
 * Memories without a model: what a user says of themselves in the usual words, English and German. It finds little and is rarely
 * wrong. The words stay the user's own, but for relative dates.
 */
import type { MemoryType } from '../../core/memory.ts';
import type { Found } from './candidate.ts';
import type { Message } from './conversation.ts';
import { resolveDates } from './relative-dates.ts';

/** @param now ISO 8601: when a message without a time was said, for all we know. */
export function extractByRules(messages: readonly Message[], now: string): readonly Found[] {
  return messages
    .filter(({ role }) => role === 'user')
    .flatMap((message) =>
      toClauses(message.content).flatMap((clause) => {
        const found = findIn(clause);
        if (found === null) return [];
        return [{ ...found, content: resolveDates(found.content, message.at ?? now), messages: [message] }];
      }),
    );
}

interface Rule {
  readonly type: MemoryType;
  readonly pattern: RegExp;
}

/** Who says "remember that" means it; a pattern may be wrong. */
const toldConfidence = 0.9;
const ruleConfidence = 0.7;

const maxClauseChars = 500;
const maxSentenceChars = 2_000;

/** Code, quotations and listings are rarely what somebody says of themselves. */
function toClauses(text: string): readonly string[] {
  const prose = text.replace(/```[\s\S]*?(?:```|$)/g, '\n').replace(/^[ \t]*>.*$/gm, '');
  // A line that was only wrapped goes on in lower case.
  return prose
    .replace(/(?<=[\p{L}\d,])[ \t]*\r?\n[ \t]*(?=\p{Ll})/gu, ' ')
    .split(/(?<=[.!?。！？])\s+|\n+/u)
    .map((sentence) => sentence.replace(/\s+/gu, ' ').trim())
    .filter((sentence) => sentence.length <= maxSentenceChars && !/[?？]$/u.test(sentence))
    .flatMap((sentence) => sentence.split(clauseBreak))
    .map((clause) => clause.trim().replace(opening, '').trim())
    .filter((clause) => clause.length >= 6 && clause.length <= maxClauseChars);
}

/** Before what somebody says of themselves: "My name is Ada and I live in Paris." */
const clauseBreak =
  /(?:[,;]\s*(?:and|but|und|aber)?|\s(?:and|but|und|aber))\s+(?=(?:i['’]m|i|my|we|ich|mein|meine|wir)\s+(?!mean\b|think\b|guess\b))/iu;

const opening =
  /^(?:(?:[-*•]\s+)|(?:(?:hi|hey|hello|well|so|also|and|but|ok|okay|oh|btw|by the way|actually|just so you know|fyi|please note|note that|hallo|übrigens|also|und|aber|ach)\b[,:!.]?\s+))+/iu;

function findIn(clause: string): Omit<Found, 'messages'> | null {
  const told = toldPattern.exec(clause)?.[1];
  if (told !== undefined) return toFound(told, typeOf(told) ?? 'fact', toldConfidence);
  const type = typeOf(clause);
  return type === null ? null : toFound(clause, type, ruleConfidence);
}

function toFound(text: string, type: MemoryType, confidence: number): Omit<Found, 'messages'> {
  const content = text.trim().replace(/[,;:\s]+$/u, '');
  return { content: content.charAt(0).toUpperCase() + content.slice(1), type, scope: 'user_global', confidence, tags: [] };
}

const typeOf = (clause: string): MemoryType | null => rules.find(({ pattern }) => pattern.test(clause))?.type ?? null;

/** "Remember that …", "merk dir, dass …". */
const toldPattern =
  /^(?:(?:can|could|would) you |please |bitte )?(?:remember(?: that|:| this:)|don['’]t forget(?: that)?|keep in mind(?: that)?|make a note(?: that|:)|merk(?:e)? dir(?:,? dass|:| bitte,? dass)|denk daran,? dass|vergiss nicht,? dass)\s+(.{3,})$/isu;

const really = "(?:really |also |usually |always |generally |do |'d )*";

const rules: readonly Rule[] = [
  rule(
    'task',
    'i (?:really |still |also )*(?:need to|have to|must|should|want to) .+ (?:by|before|until|on|this|next|tomorrow|tonight)\\b',
  ),
  rule('task', '(?:please )?remind me (?:to|about|of)\\b'),
  rule('task', 'my deadline (?:is|for)\\b|the deadline (?:is|for)\\b'),
  rule('task', 'ich (?:muss|soll|sollte|möchte) .+ (?:bis|vor|am|morgen|heute|nächste)\\b'),
  rule('task', 'erinner(?:e)? mich\\b'),
  rule(
    'project',
    `(?:we['’]re|we are|i['’]m|i am) (?:currently |now )?(?:building|developing|working on|creating|writing a|designing)\\b`,
  ),
  rule('project', '(?:my|our) (?:side |current |new )?project (?:is|uses|runs)\\b'),
  rule('project', '(?:wir|ich) (?:bauen|baue|entwickeln|entwickle|arbeiten gerade an|arbeite gerade an)\\b'),
  rule('preference', `i ${really}(?:prefer|like|love|enjoy|hate|dislike|can['’]t stand|favou?r)\\b`),
  rule('preference', `i (?:do not|don['’]t|never) (?:really )?(?:like|eat|drink|want|use|enjoy)\\b`),
  rule('preference', 'my (?:all-time )?favou?rite .+ (?:is|are)\\b'),
  rule('preference', '(?:from now on|always|never) (?:please )?(?:answer|reply|respond|use|write|call|address|speak)\\b'),
  rule('preference', 'ich (?:mag|liebe|hasse|bevorzuge|trinke|esse) .+|ich .+ lieber .+'),
  rule('preference', 'mein(?:e)? lieblings.+ (?:ist|sind)\\b'),
  rule('preference', '(?:ab jetzt|von nun an|immer) .*(?:antworte|schreib|nenn|sprich)'),
  rule('fact', `my (?:full |first |last |middle )?names? (?:is|are)\\b|my name['’]s\\b|(?:please )?call me \\p{L}`),
  rule('fact', 'i (?:now |currently |also )?(?:live|work|study|teach|speak|grew up|was born|moved|come from|own)\\b'),
  rule(
    'fact',
    `(?:i['’]m|i am) (?:a|an|the|from|based in|allergic|lactose|vegan|vegetarian|married|single|divorced|engaged|\\d{1,3}(?: years old)?$|\\d{1,3} years old|left-handed|diabetic)\\b`,
  ),
  rule(
    'fact',
    'i have (?:a|an|two|three|four|\\d+) (?:\\p{L}+ )?(?:wife|husband|partner|son|sons|daughter|daughters|child|children|kids?|dogs?|cats?|brothers?|sisters?|allerg(?:y|ies)|pets?|twins)\\b',
  ),
  rule(
    'fact',
    `my (?:wife|husband|partner|girlfriend|boyfriend|son|daughter|mother|father|mom|dad|brother|sister|dog|cat|boss|manager|company|employer|job|birthday|address|hometown|timezone|time zone|email|phone number)(?:['’]s name)? (?:is|works|lives)\\b`,
  ),
  rule(
    'fact',
    'ich (?:hei(?:ß|ss)e|wohne|lebe|arbeite|studiere|spreche|komme aus|bin (?:ein|eine|in|aus|allergisch|vegan|vegetarier|vegetarierin|verheiratet|\\d{1,3}))\\b',
  ),
  rule(
    'fact',
    'mein(?:e)? (?:name|frau|mann|partner|partnerin|sohn|tochter|mutter|vater|hund|katze|chef|firma|beruf|geburtstag|adresse)(?: hei(?:ß|ss)t| ist)\\b|nenn mich\\b',
  ),
];

/** At the beginning of a clause: "if I lived in Rome" and "she says I like tea" are nobody's word for it. */
function rule(type: MemoryType, source: string): Rule {
  return { type, pattern: new RegExp(`^(?:${source})`, 'isu') };
}
