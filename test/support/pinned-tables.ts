/**
 * Which tables of a statement are held to one user: their user_id is equal, by conditions that all have to hold, to a parameter
 * or a constant. PostgreSQL's own parser reads the statement; the equalities are followed through joins, subselects and WITH.
 */
import { parseSync } from 'libpg-query';

export interface TableUse {
  readonly table: string;
  readonly verb: 'select' | 'insert' | 'update' | 'delete';
  /** The parameter or constant; null where nothing holds it. */
  readonly user: string | null;
  /** Inside of a WITH. */
  readonly isInWith: boolean;
}

export interface StatementFacts {
  readonly tables: readonly TableUse[];
  readonly functions: readonly string[];
}

/** @param ownTables those that have a user_id. */
export function factsOf(text: string, ownTables: ReadonlySet<string>): StatementFacts {
  const reader = new StatementReader(ownTables);
  const { stmts } = parseSync(text) as unknown as { readonly stmts: readonly { readonly stmt: Node }[] };
  for (const { stmt } of stmts) reader.read(stmt, new Map(), false);
  return reader.facts();
}

type Node = { readonly [key: string]: Node } & { readonly [index: number]: Node } & { readonly length?: number };
/** Alias → what its user_id is called in the book of equalities. */
type Scope = ReadonlyMap<string, string>;
type Verb = TableUse['verb'];

const statementVerbs: Readonly<Record<string, Verb>> = {
  SelectStmt: 'select',
  InsertStmt: 'insert',
  UpdateStmt: 'update',
  DeleteStmt: 'delete',
};

class StatementReader {
  readonly #own: ReadonlySet<string>;
  readonly #parents = new Map<string, string>();
  readonly #uses: { readonly table: string; readonly verb: Verb; readonly key: string; readonly isInWith: boolean }[] = [];
  readonly #functions = new Set<string>();
  #next = 0;

  constructor(own: ReadonlySet<string>) {
    this.#own = own;
  }

  facts(): StatementFacts {
    const users = [...this.#parents.keys()].filter((key) => key.startsWith('='));
    const userOf = (key: string): string | null => users.find((user) => this.#root(user) === this.#root(key)) ?? null;
    return {
      tables: this.#uses.map(({ key, ...use }) => ({ ...use, user: userOf(key) })),
      functions: [...this.#functions],
    };
  }

  /** @returns what the user_id of its rows is called, where it has one. */
  read(statement: Node, outer: Scope, isInWith: boolean): string | null {
    const [kind = ''] = Object.keys(statement);
    const verb = statementVerbs[kind];
    const body = statement[kind];
    if (verb === undefined || body === undefined) return null;
    const scope = new Map(outer);
    const local: string[] = [];
    for (const cte of list(body['withClause']?.['ctes'])) {
      const { ctename, ctequery } = cte['CommonTableExpr'] as Node;
      scope.set(`with ${String(ctename)}`, this.read(ctequery as Node, scope, true) ?? this.#fresh());
    }
    if (body['relation'] !== undefined) this.#takeTable(body['relation'], verb, scope, local, isInWith);
    for (const from of [...list(body['fromClause']), ...list(body['usingClause'])]) this.#takeFrom(from, scope, local, isInWith);
    this.#takeConditions(body['whereClause'], scope, local);
    this.#readInside(body, scope, isInWith);
    if (body['larg'] !== undefined) return this.#readUnion(body, scope, isInWith);
    if (verb === 'insert') this.#takeInserted(body, scope, local, isInWith);
    const shown = list(body['targetList']).concat(list(body['returningClause']?.['exprs'] ?? body['returningList']));
    return this.#keyOfTarget(shown, scope, local);
  }

  /** Rows of a union have a user where both sides have the same. */
  #readUnion(body: Node, scope: Scope, isInWith: boolean): string | null {
    const [left, right] = [body['larg'], body['rarg']].map((side) => this.read({ SelectStmt: side } as Node, scope, isInWith));
    return left !== null && right !== null && this.#root(left ?? '') === this.#root(right ?? '') ? (left ?? null) : null;
  }

  #takeInserted(body: Node, scope: Scope, local: readonly string[], isInWith: boolean): void {
    const at = list(body['cols']).findIndex((column) => text(column['ResTarget']?.['name']) === 'user_id');
    const select = body['selectStmt']?.['SelectStmt'];
    const table = local[0];
    if (select === undefined || table === undefined || at === -1) return;
    const inner = new Map(scope);
    const own: string[] = [];
    for (const from of list(select['fromClause'])) this.#takeFrom(from, inner, own, isInWith);
    this.#takeConditions(select['whereClause'], inner, own);
    this.#readInside(select, inner, isInWith);
    const values = list(select['valuesLists']);
    const targets =
      values.length > 0
        ? values.map((row) => list(row['List']?.['items'])[at])
        : [list(select['targetList'])[at]?.['ResTarget']?.['val']];
    for (const target of targets) {
      const key = target === undefined ? null : this.#keyOf(target, inner, own);
      if (key !== null) this.#unite(table, key);
    }
  }

  #takeFrom(from: Node, scope: Map<string, string>, local: string[], isInWith: boolean): void {
    if (from['RangeVar'] !== undefined) this.#takeTable(from['RangeVar'], 'select', scope, local, isInWith);
    const sub = from['RangeSubselect'];
    if (sub !== undefined) {
      const key = this.read(sub['subquery'] as Node, scope, isInWith) ?? this.#fresh();
      scope.set(text(sub['alias']?.['aliasname']), key);
      local.push(key);
    }
    const join = from['JoinExpr'];
    if (join === undefined) return;
    this.#takeFrom(join['larg'] as Node, scope, local, isInWith);
    this.#takeFrom(join['rarg'] as Node, scope, local, isInWith);
    this.#takeConditions(join['quals'], scope, local);
    this.#readInside({ quals: join['quals'] } as Node, scope, isInWith);
  }

  #takeTable(range: Node, verb: Verb, scope: Map<string, string>, local: string[], isInWith: boolean): void {
    const table = text(range['relname']);
    const alias = text(range['alias']?.['aliasname']) || table;
    const known = scope.get(`with ${table}`);
    const key = known ?? this.#fresh();
    if (known === undefined && !this.#own.has(table)) return;
    scope.set(alias, key);
    local.push(key);
    if (known === undefined) this.#uses.push({ table, verb, key, isInWith });
  }

  #takeConditions(condition: Node | undefined, scope: Scope, local: readonly string[]): void {
    if (condition === undefined) return;
    const all = condition['BoolExpr'];
    if (text(all?.['boolop']) === 'AND_EXPR') for (const part of list(all?.['args'])) this.#takeConditions(part, scope, local);
    const equal = condition['A_Expr'];
    if (equal === undefined || text(equal['kind']) !== 'AEXPR_OP' || text(list(equal['name'])[0]?.['String']?.['sval']) !== '=')
      return;
    const [left, right] = [equal['lexpr'], equal['rexpr']].map((side) =>
      side === undefined ? null : this.#keyOf(side, scope, local),
    );
    if (left && right && !(left.startsWith('=') && right.startsWith('='))) this.#unite(left, right);
  }

  /** Subselects in expressions, and the functions that are called. */
  #readInside(body: Node, scope: Scope, isInWith: boolean): void {
    const walk = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return;
      const link = (node as Node)['SubLink'];
      if (link !== undefined) this.read(link['subselect'] as Node, scope, isInWith);
      const call = (node as Node)['FuncCall'];
      if (call !== undefined) this.#functions.add(text(list(call['funcname']).at(-1)?.['String']?.['sval']));
      for (const [name, child] of Object.entries(node)) if (!readElsewhere.has(name)) walk(child);
    };
    for (const [name, child] of Object.entries(body)) if (!readElsewhere.has(name)) walk(child);
  }

  #keyOfTarget(targets: readonly Node[], scope: Scope, local: readonly string[]): string | null {
    for (const target of targets) {
      const { name, val } = (target['ResTarget'] ?? {}) as Node;
      const column = list(val?.['ColumnRef']?.['fields']).at(-1);
      const isStar = column?.['A_Star'] !== undefined;
      if (isStar && local[0] !== undefined) return local[0];
      if (text(name) === 'user_id' || (name === undefined && text(column?.['String']?.['sval']) === 'user_id')) {
        return val === undefined ? null : this.#keyOf(val, scope, local);
      }
    }
    return null;
  }

  #keyOf(expression: Node, scope: Scope, local: readonly string[]): string | null {
    const cast = expression['TypeCast']?.['arg'];
    if (cast !== undefined) return this.#keyOf(cast, scope, local);
    if (expression['ParamRef'] !== undefined) return this.#known(`=$${String(expression['ParamRef']['number'])}`);
    const constant = expression['A_Const']?.['sval'];
    if (constant !== undefined) return this.#known(`='${text(constant['sval'])}'`);
    const names = list(expression['ColumnRef']?.['fields']).map((field) => text(field['String']?.['sval']));
    if (names.at(-1) !== 'user_id') return null;
    return names.length > 1 ? (scope.get(names[0] ?? '') ?? null) : (local[0] ?? null);
  }

  #fresh(): string {
    return this.#known(`#${this.#next++}`);
  }

  #known(key: string): string {
    if (!this.#parents.has(key)) this.#parents.set(key, key);
    return key;
  }

  #root(key: string): string {
    const parent = this.#parents.get(key) ?? key;
    return parent === key ? key : this.#root(parent);
  }

  #unite(a: string, b: string): void {
    this.#parents.set(this.#root(a), this.#root(b));
  }
}

/** Parts of a statement that are read by name, in their own scope. */
const readElsewhere = new Set(['withClause', 'fromClause', 'usingClause', 'larg', 'rarg', 'selectStmt', 'subselect']);

function list(node: unknown): readonly Node[] {
  return Array.isArray(node) ? (node as readonly Node[]) : [];
}

function text(node: unknown): string {
  return typeof node === 'string' ? node : '';
}
