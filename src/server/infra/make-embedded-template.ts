/** A step of `npm run build`: makes the template of the embedded database, unless it is there for this PGlite. */
import { ensureTemplate } from './embedded-template.ts';

const { path, isNew } = await ensureTemplate();
console.log(`${isNew ? 'made' : 'up to date'}: ${path}`);
