/** How much text a provider is sent at once. */

/** Of models with a window of 8,192 tokens; a margin for how rough the estimate is. */
const maxTokens = 8_000;
const maxRequestChars = 200_000;

/** The text as far as it fits a model's window: 24,000 characters of English, fewer where characters are whole tokens. Never empty, which vendors refuse. */
export function cutText(text: string): string {
  let tokens = 0;
  let end = 0;
  for (const char of text) {
    tokens += tokensOf(char.codePointAt(0) ?? 0);
    if (tokens > maxTokens) return text.slice(0, end);
    end += char.length;
  }
  return text === '' ? ' ' : text;
}

/** In order, in groups of at most so many texts and about 200,000 characters. */
export function splitTexts(texts: readonly string[], maxTexts: number): readonly (readonly string[])[] {
  const groups: string[][] = [];
  let chars = 0;
  for (const text of texts) {
    const group = groups.at(-1);
    chars += text.length;
    if (group === undefined || group.length >= maxTexts || chars > maxRequestChars) {
      groups.push([text]);
      chars = text.length;
    } else group.push(text);
  }
  return groups;
}

/** Upper estimates for byte-pair vocabularies: Latin 3 characters a token, other alphabets 1.5, Chinese and the like 1.3 tokens each. */
function tokensOf(codePoint: number): number {
  if (codePoint < 0x80) return 1 / 3;
  return codePoint < 0x800 ? 2 / 3 : 1.3;
}
