/** `npm run build:env-example`: writes .env.example from the table of settings. */
import { writeFileSync } from 'node:fs';
import { describeConfig } from '../src/server/config.ts';
import { envExample } from './format-env-example.ts';

writeFileSync('.env.example', envExample(describeConfig({})));
