/**
 * Ids that are no UUID become one of version 5 in this namespace, of the JSON text `[id, createdAt]`: the same wherever and
 * however often the record is read, by a device that takes it over and by a server that imports it. Creation time is part of it
 * because ids that count from 1 are the same on two devices.
 */
export const adoptedIdNamespace = '6f3c8a0e-52d1-4c0b-9b7e-2a4d1f8e6c35';

/** @param createdAt Unix ms. */
export const adoptedIdName = (id: string | number, createdAt: number | null): string => JSON.stringify([id, createdAt]);
