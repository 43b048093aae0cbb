/** The embedder that the configuration names, and those that can still read what older ones left. */
import type { Embedder } from './embedder.ts';

export interface Embedders {
  /** Makes the vectors of what is written now. */
  readonly present: Embedder;
  /** Of a model that made vectors before; null when nobody here can. */
  ofModel(model: string): Embedder | null;
}

export interface EmbedderMakers {
  /** The built-in one, which needs no network. */
  readonly lexical: Embedder;
  /** Null without a provider. */
  readonly ofProvider: ((model: string) => Embedder) | null;
}

/** Says in EMBEDDING_MODEL that the built-in embedder is to be used, whatever else is set. */
const lexicalName = 'lexical';
const defaultProviderModel = 'text-embedding-3-small';

/** @param model as configured; null: the provider's usual one, without a provider the built-in. */
export function createEmbedders({ lexical, ofProvider }: EmbedderMakers, model: string | null): Embedders {
  const madeByModel = new Map<string, Embedder>([[lexical.model, lexical]]);
  const ofModel = (name: string): Embedder | null => {
    const made = madeByModel.get(name) ?? ofProvider?.(name) ?? null;
    if (made !== null) madeByModel.set(name, made);
    return made;
  };
  const wanted = model ?? (ofProvider === null ? lexicalName : defaultProviderModel);
  const present = wanted === lexicalName ? lexical : ofModel(wanted);
  if (present === null) {
    throw new Error(`EMBEDDING_MODEL ${wanted} needs OPENAI_API_KEY or OPENAI_BASE_URL; without them it is ${lexicalName}`);
  }
  return { present, ofModel };
}
