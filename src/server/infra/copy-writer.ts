/**
 * Rows in PostgreSQL's binary COPY format (https://www.postgresql.org/docs/17/sql-copy.html, "Binary Format"): the quickest
 * way in, for the server need not parse text, plan, or insert row by row. Fields must follow the order of the columns.
 */

const signature = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const textOid = 25;
const shortBytes = 32;

export class CopyWriter {
  #buffer = Buffer.allocUnsafe(64 * 1_024);
  #length = 0;

  constructor() {
    this.#reserve(signature.length + 8);
    this.#length = signature.copy(this.#buffer, 0);
    this.#int32(0);
    this.#int32(0);
  }

  row(fields: number): this {
    this.#reserve(2);
    this.#length = this.#buffer.writeInt16BE(fields, this.#length);
    return this;
  }

  null(): this {
    this.#reserve(4);
    this.#int32(-1);
    return this;
  }

  int2(value: number): this {
    this.#reserve(6);
    this.#int32(2);
    this.#length = this.#buffer.writeInt16BE(value, this.#length);
    return this;
  }

  int4(value: number): this {
    this.#reserve(8);
    this.#int32(4);
    this.#int32(value);
    return this;
  }

  /** @param value a safe integer. */
  int8(value: number): this {
    this.#reserve(12);
    this.#int32(8);
    this.#int32(Math.floor(value / 2 ** 32));
    this.#length = this.#buffer.writeUInt32BE(value >>> 0, this.#length);
    return this;
  }

  float8(value: number): this {
    this.#reserve(12);
    this.#int32(8);
    this.#length = this.#buffer.writeDoubleBE(value, this.#length);
    return this;
  }

  bool(value: boolean): this {
    this.#reserve(5);
    this.#int32(1);
    this.#length = this.#buffer.writeUInt8(value ? 1 : 0, this.#length);
    return this;
  }

  /** Also a uuid, as its 16 bytes. */
  bytes(value: Uint8Array): this {
    this.#reserve(4 + value.length);
    this.#int32(value.length);
    // A call of `set` costs more than copying an id or a hash by hand.
    if (value.length > shortBytes) this.#buffer.set(value, this.#length);
    else for (let i = 0; i < value.length; i++) this.#buffer[this.#length + i] = value[i] ?? 0;
    this.#length += value.length;
    return this;
  }

  text(value: string): this {
    this.#reserve(4 + 3 * value.length);
    const start = this.#length;
    this.#int32(0);
    const length = this.#buffer.write(value, this.#length, 'utf8');
    this.#buffer.writeInt32BE(length, start);
    this.#length += length;
    return this;
  }

  jsonb(json: string): this {
    this.#reserve(5 + 3 * json.length);
    const start = this.#length;
    this.#length += 4;
    this.#length = this.#buffer.writeUInt8(1, this.#length);
    const length = this.#buffer.write(json, this.#length, 'utf8');
    this.#buffer.writeInt32BE(length + 1, start);
    this.#length += length;
    return this;
  }

  textArray(items: readonly string[]): this {
    this.#reserve(24);
    const start = this.#length;
    this.#length += 4;
    this.#int32(items.length === 0 ? 0 : 1);
    this.#int32(0);
    this.#int32(textOid);
    if (items.length > 0) {
      this.#int32(items.length);
      this.#int32(1);
    }
    for (const item of items) this.text(item);
    this.#buffer.writeInt32BE(this.#length - start - 4, start);
    return this;
  }

  /** The whole stream; the writer is used up. */
  end(): Buffer {
    this.#reserve(2);
    this.#length = this.#buffer.writeInt16BE(-1, this.#length);
    return this.#buffer.subarray(0, this.#length);
  }

  #int32(value: number): void {
    this.#length = this.#buffer.writeInt32BE(value, this.#length);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, this.#length + bytes));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
