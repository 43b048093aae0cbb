/** .env.example: every setting with its default, as a comment, so that a copy of it changes nothing until it is edited. */
import type { DescribedSetting } from '../src/server/config.ts';

/** What docker-compose.yml reads itself, and the one setting that production has to be given. */
const head = `# Settings: cp .env.example .env, for \`docker compose\`, or to /etc/aibrain-server.env for systemd. Made by \`npm run build:env-example\`.

# --- docker-compose.yml ---

# The password of its PostgreSQL, letters and digits, as \`openssl rand -hex 24\` writes it.
POSTGRES_PASSWORD=
# The port on this machine.
#AIBRAIN_PORT=3000

# --- Needed in production ---

`;

const rest = '# --- Everything else, with its default ---\n\n';

const neededInProduction = 'JWT_SECRET';

export function envExample(settings: readonly DescribedSetting[]): string {
  const needed = settings.filter(({ name }) => name === neededInProduction);
  const others = settings.filter(({ name }) => name !== neededInProduction);
  return `${head}${needed.map((setting) => formatSetting(setting, '')).join('')}\n${rest}${others.map((setting) => formatSetting(setting, '#')).join('\n')}`;
}

function formatSetting({ name, default: byDefault, unit, text }: DescribedSetting, comment: '' | '#'): string {
  return `# ${text} (${unit})\n${comment}${name}=${byDefault}\n`;
}
