/** How texts of the environment become values. The message of each schema completes "NAME must be …". */
import { z } from 'zod';

export const anyText = z.string();

export function integer(min: number, max: number) {
  const message = `a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .pipe(z.number({ error: message }).min(min, message).max(max, message));
}

export function oneOf<const Names extends readonly [string, ...string[]]>(...names: Names) {
  return z.enum(names, { error: `one of ${names.join(', ')}` });
}

export const postgresUrl = z
  .string()
  .refine(
    (value) => URL.canParse(value) && /^postgres(ql)?:$/.test(new URL(value).protocol),
    'a URL as in postgres://user:password@host:5432/database',
  );

export const redisUrls = list(
  (url) => URL.canParse(url) && /^rediss?:$/.test(new URL(url).protocol),
  'URLs as in redis://user:password@host:6379, comma separated',
);

export const keyPrefix = z.string().regex(/^[\w:.-]{0,64}$/, 'up to 64 letters, digits and any of : . - _');

export const httpUrl = z
  .string()
  .refine((value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol), 'a URL as in http://127.0.0.1:11434/v1');

export const secretText = z
  .string()
  .refine((value) => Buffer.byteLength(value) >= 32, 'at least 32 bytes long, as `openssl rand -base64 32` writes it');

/** `scheme://host[:port]`, which for an extension is `chrome-extension://<id>`. */
const originPattern = /^(\*|[a-z][a-z\d+.-]*:\/\/[^\s/?#@]+)$/i;

export const origins = list((origin) => originPattern.test(origin), 'origins as in https://example.org, comma separated, or *');

const addressSchema = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]);

export const addresses = list(
  (address) => addressSchema.safeParse(address).success,
  'IP addresses or CIDR ranges, comma separated',
);

// A declaration: what stands above uses it.
function list(isItem: (item: string) => boolean, message: string) {
  return z
    .string()
    .transform((value): readonly string[] =>
      value
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    )
    .refine((items) => items.every(isItem), message);
}
