/**
 * Secrets in a text: what must neither be stored nor shown to a vendor. Known shapes first (keys of vendors, private keys, JSON Web
 * Tokens), then what is called a password or key by the words before it, then numbers that pass the check of a card or an IBAN.
 * No pattern may take more than linear time: what repeats without bound begins where nothing like it goes before, or takes all it can.
 */

/** Stands where a secret stood. */
export const secretMark = '[secret removed]';

export interface Redacted {
  readonly text: string;
  readonly count: number;
}

export function redactSecrets(text: string): Redacted {
  let count = 0;
  const replace = (value: string): string => {
    count++;
    return value;
  };
  let clean = text;
  for (const pattern of shapes) clean = clean.replace(pattern, () => replace(secretMark));
  clean = clean.replace(namedValue, (whole, name: string, value: string) =>
    isMark(value) ? whole : replace(`${name}${secretMark}`),
  );
  clean = clean.replace(spokenValue, (whole, name: string, value: string) =>
    ordinaryWords.has(value.toLowerCase()) ? whole : replace(`${name}${secretMark}`),
  );
  clean = clean.replace(credentialsInUrl, (_, scheme: string) => replace(`${scheme}${secretMark}@`));
  clean = clean.replace(cardShape, (number) => (isCardNumber(number) ? replace(secretMark) : number));
  clean = clean.replace(ibanShape, (number) => (isIban(number) ? replace(secretMark) : number));
  return { text: clean, count };
}

/** Whether the text has a secret, or a place from which one was taken. */
export function hasSecret(text: string): boolean {
  return text.includes(secretMark) || redactSecrets(text).count > 0;
}

const shapes: readonly RegExp[] = [
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)/g,
  // JSON Web Tokens, signed or encrypted.
  /(?<![\w-])eyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]*(?:\.[\w-]+){0,2}/g,
  // OpenAI, Anthropic, Stripe and those that write keys alike.
  /\b(?:sk|rk|pk)[-_](?:(?:live|test|proj|ant|or|svcacct|admin)[-_])?[\w-]{16,}/g,
  // AWS, Google, GitHub, GitLab, npm, Hugging Face, Slack, SendGrid, DigitalOcean, Telegram.
  /\b(?:AKIA|ASIA)[A-Z\d]{16}\b/g,
  /\bAIza[\w-]{35}/g,
  /\bya29\.[\w-]{20,}/g,
  /\b(?:gh[pousr]_|github_pat_|glpat-|npm_|hf_|dop_v1_|dckr_pat_|pypi-)[\w-]{16,}/g,
  /\bxox[abeoprs]-[\w-]{10,}/g,
  /\bhttps:\/\/hooks\.slack\.com\/services\/[\w/]{20,}/g,
  /\bSG\.[\w-]{16,}\.[\w-]{16,}/g,
  /\b\d{8,10}:AA[\w-]{32,}/g,
  /\bBearer\s+[\w.~+/-]{16,}=*/gi,
];

const secretNames =
  '(?:pass(?:word|wort|phrase|code)|kennwort|pwd|contraseña|mot de passe|пароль|密码|pin(?:[- ]?code)?|' +
  '(?:api|access|secret|private|auth|client|signing|encryption)[-_ ]?(?:key|token|secret)|secret|cvv|cvc|recovery (?:code|phrase)|seed phrase)';

/** `password: x`, `API_KEY=x`, `"secret": "x"`; a phrase to the end of its line where the name says that it is one. */
const namedValue = new RegExp(
  `(?<![\\p{L}])(${secretNames}["']?\\s{0,3}[:=]\\s{0,3})(\\[secret removed\\]|"[^"\\n]{1,300}"|'[^'\\n]{1,300}'|(?<=phrase["']?\\s{0,3}[:=]\\s{0,3})[^\\n]{1,300}|[^\\s"',;]{3,300})`,
  'giu',
);

/** `my password is x`, `mein Passwort ist x`. */
const spokenValue = new RegExp(
  `(?<![\\p{L}])(${secretNames}\\s(?:for\\s\\S{1,40}\\s|für\\s\\S{1,40}\\s)?(?:is|was|ist|war|lautet)\\s)(?!\\[secret)["'“]?([^\\s"'”,;]{3,300}?)(?=["'”]?[.!?,;]?(?:\\s|$))`,
  'giu',
);

/** What follows "my password is" where no password follows. */
const ordinaryWords = new Set(
  (
    'too not the very always never wrong correct incorrect required weak strong expired invalid stored hashed different still ' +
    'hard easy long short old new safe secure being also just only that this what something my your our about kept lost ' +
    'zu nicht das sehr immer nie falsch richtig abgelaufen stark schwach noch nur dass mein dein lang kurz sicher alt neu'
  ).split(' '),
);

const credentialsInUrl = /\b([a-z][a-z\d+.-]{1,20}:\/\/)[^\s/:@]{1,100}:[^\s/@]{1,200}@/gi;

const isMark = (value: string): boolean => value === secretMark;

const cardShape = /(?<![\w.-])[2-6]\d(?:[ -]?\d){11,17}(?![\w-])/g;

/** Luhn's check. A row of one digit passes it and is none. */
function isCardNumber(text: string): boolean {
  const digits = text.replace(/\D/g, '');
  if (new Set(digits).size === 1) return false;
  let sum = 0;
  for (const [index, digit] of [...digits].reverse().entries()) {
    const doubled = index % 2 === 1 ? Number(digit) * 2 : Number(digit);
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

const ibanShape = /\b[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){2,7}(?: ?[A-Z\d]{1,3})?\b/g;

/** ISO 13616: the rest of the division by 97 is 1. */
function isIban(text: string): boolean {
  const compact = text.replaceAll(' ', '');
  if (compact.length < 15 || compact.length > 34) return false;
  let rest = 0;
  for (const sign of compact.slice(4) + compact.slice(0, 4)) {
    for (const digit of Number.parseInt(sign, 36).toString()) rest = (rest * 10 + Number(digit)) % 97;
  }
  return rest === 1;
}
