/** Vectors of contents, and the names of the models that make them. */
import { isStorable } from './memory.ts';

/** Numbers of a vector that is kept; those of a smaller model are filled up with zeros. */
export const vectorSize = 1_536;

/** Characters of the name of a model at most. */
export const modelNameChars = 128;

/** The built-in embedder's spaces: nobody outside can make vectors of them. */
export const isBuiltInModel = (model: string): boolean => model.startsWith('lexical');

/** Whether a caller can have made vectors by a model of this name. */
export const isCallersModel = (model: string): boolean =>
  model.length > 0 && model.length <= modelNameChars && isStorable(model) && !isBuiltInModel(model);
