/** What goes in and out of /auth. */
import { z } from 'zod';
import { type DeviceId, idSchema, type SessionId, serverDeviceId, type UserId } from '../../core/ids.ts';
import { isStorable } from '../../core/memory.ts';
import { text } from '../../core/memory-schemas.ts';
import { accessLimits } from '../access/access-limits.ts';
import { documentedAs } from './documented-as.ts';
import { settingsFault } from './settings-fault.ts';

/** One person writes it in several ways: what counts is trimmed and in lower case. */
const emailSchema = documentedAs(
  { type: 'string', format: 'email', maxLength: accessLimits.emailChars },
  z.string().trim().toLowerCase().max(accessLimits.emailChars).pipe(z.email('must be an e-mail address')),
);

/** Of any length that a body may have: what is wrong with a new one is `weak_password`'s to say. */
const passwordSchema = z.string().min(1).refine(isStorable, 'must not contain NUL or lone surrogates');

const deviceClaimSchema = z.strictObject({
  id: z.optional(idSchema<DeviceId>().check(z.refine((id) => id !== serverDeviceId, 'is reserved'))),
  name: z.optional(text(accessLimits.deviceNameChars)),
  platform: z.optional(text(accessLimits.devicePlatformChars)),
});

export const credentialsSchema = z
  .strictObject({
    email: emailSchema,
    password: passwordSchema,
    device: deviceClaimSchema.optional(),
  })
  .meta({ id: 'Credentials' });

export const refreshSchema = z.strictObject({ refreshToken: z.string() }).meta({ id: 'RefreshRequest' });
export const passwordChangeSchema = z
  .strictObject({ current: passwordSchema, next: passwordSchema })
  .meta({ id: 'PasswordChange' });
export const passwordProofSchema = z.strictObject({ password: passwordSchema }).meta({ id: 'PasswordProof' });

/** Any JSON object that the store can hold. */
export const settingsSchema = z.record(z.string(), z.unknown()).superRefine((settings, context) => {
  const fault = settingsFault(settings);
  if (fault !== null) context.addIssue({ code: 'custom', message: fault });
});
export const settingsChangeSchema = z.strictObject({ settings: settingsSchema }).meta({ id: 'SettingsChange' });

const timeSchema = z.iso.datetime();
const userSchema = z.object({ id: idSchema<UserId>(), email: z.string(), createdAt: timeSchema });
const deviceNameSchema = z.object({ id: idSchema<DeviceId>(), name: z.string() });
const tokensSchema = z.object({ token: z.string(), tokenExpiresAt: timeSchema, refreshToken: z.string() });
const countSchema = z.int().min(0);

export const loginSchema = tokensSchema.extend({ user: userSchema, device: deviceNameSchema }).meta({ id: 'Login' });
export const renewalSchema = tokensSchema.meta({ id: 'Tokens' });
export const accountSchema = z.object({ user: userSchema.extend({ settings: z.record(z.string(), z.unknown()) }) });
export const meSchema = accountSchema
  .extend({
    device: deviceNameSchema,
    session: z.object({ id: idSchema<SessionId>() }),
    counts: z.object({ memories: countSchema, devices: countSchema, conflicts: countSchema }),
  })
  .meta({ id: 'Account' });
