/** JSON as people edit it: what is wrong at which line, and where a value stands. */

export interface JsonProblem {
  line: number;
  message: string;
}

/** Reads JSON and remembers the line of each value by its path, `targets[0].retry`. */
class Reader {
  readonly lines = new Map<string, number>();
  private at = 0;
  private line = 1;

  constructor(private readonly text: string) {}

  read(): unknown {
    const value = this.value("");
    this.space();
    if (this.at < this.text.length) this.fail("nothing may follow the value");
    return value;
  }

  private fail(message: string): never {
    throw Object.assign(new SyntaxError(message), { line: this.line });
  }

  private space(): void {
    for (; this.at < this.text.length && " \t\n\r".includes(this.text.charAt(this.at)); this.at++) {
      if (this.text.charAt(this.at) === "\n") this.line++;
    }
  }

  private take(expected: string): boolean {
    this.space();
    if (this.text.charAt(this.at) !== expected) return false;
    this.at++;
    return true;
  }

  private value(path: string): unknown {
    this.space();
    this.lines.set(path, this.line);
    const first = this.text.charAt(this.at);
    if (first === "{") return this.object(path);
    if (first === "[") return this.array(path);
    if (first === '"') return this.string();
    const word = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)/.exec(this.text.slice(this.at))?.[0];
    if (!word) this.fail(first ? `a value is expected, not ${first}` : "a value is missing at the end");
    this.at += word.length;
    return JSON.parse(word) as unknown;
  }

  private string(): string {
    const found = /^"(?:[^"\\\n]|\\.)*"/.exec(this.text.slice(this.at))?.[0];
    if (!found) this.fail("this text has no closing quote");
    this.at += found.length;
    try {
      return JSON.parse(found) as string;
    } catch {
      return this.fail("this text has a character or an escape that JSON does not know");
    }
  }

  private object(path: string): Record<string, unknown> {
    const found: Record<string, unknown> = {};
    this.at++;
    if (this.take("}")) return found;
    do {
      this.space();
      if (this.text.charAt(this.at) !== '"') this.fail("a name in quotes is expected");
      const line = this.line;
      const name = this.string();
      if (name in found) this.fail(`the name ${name} is there twice`);
      if (!this.take(":")) this.fail(`a colon is missing behind ${name}`);
      const inner = path ? `${path}.${name}` : name;
      found[name] = this.value(inner);
      this.lines.set(inner, line);
    } while (this.take(","));
    if (!this.take("}")) this.fail("a comma or } is missing");
    return found;
  }

  private array(path: string): unknown[] {
    const found: unknown[] = [];
    this.at++;
    if (this.take("]")) return found;
    do found.push(this.value(`${path}[${found.length}]`));
    while (this.take(","));
    if (!this.take("]")) this.fail("a comma or ] is missing");
    return found;
  }
}

export interface JsonReading {
  value: unknown;
  problem: JsonProblem | undefined;
  lines: Map<string, number>;
}

export function readJson(text: string): JsonReading {
  const reader = new Reader(text);
  try {
    return { value: reader.read(), problem: undefined, lines: reader.lines };
  } catch (error) {
    const { message, line } = error as SyntaxError & { line: number };
    return { value: undefined, problem: { line, message }, lines: reader.lines };
  }
}

/** The problems that the gateway tells of a config, each at its line: `config.targets[0].retry: Expected …`. */
export function problemsOf(message: string, lines: Map<string, number>): JsonProblem[] {
  const parts = message.split(/\(\d+\) /);
  return (parts.length > 1 ? parts.slice(1) : parts).map((part) => {
    const text = part.trim();
    const path = /config\.([\w.[\]-]*\w\]?)/.exec(text)?.[1];
    return { line: (path && nearest(path, lines)) || 0, message: text };
  });
}

/** The line of a path, or of the nearest value around it. */
function nearest(path: string, lines: Map<string, number>): number | undefined {
  for (let inner = path; inner; inner = inner.replace(/(\.[^.[]+|\[\d+\])$/, "")) {
    const line = lines.get(inner);
    if (line !== undefined) return line;
    if (!/(\.[^.[]+|\[\d+\])$/.test(inner)) return undefined;
  }
  return undefined;
}

export interface DiffLine {
  kind: " " | "+" | "-";
  text: string;
}

/** The lines that differ between two texts, by their longest common subsequence. */
export function diff(before: string, after: string): DiffLine[] {
  const a = before.split("\n");
  const b = after.split("\n");
  const common = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  const at = (i: number, j: number): number => common[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      (common[i] as Uint32Array)[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const found: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      found.push({ kind: " ", text: a[i++] ?? "" });
      j++;
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) found.push({ kind: "-", text: a[i++] ?? "" });
    else found.push({ kind: "+", text: b[j++] ?? "" });
  }
  return found;
}

/** Where the caret stands in JSON that need not be complete: what an editor could put there. */
export interface Caret {
  /** The text that is replaced: from here to the caret. */
  from: number;
  typed: string;
  /** The member that holds the object or array around the caret; empty for the outermost. */
  holder: string;
  /** The member whose value is expected; undefined where a name is. */
  member: string | undefined;
  /** The names that the object has already. */
  names: Set<string>;
  isQuoted: boolean;
}

interface Level {
  isObject: boolean;
  holder: string;
  member: string;
  names: Set<string>;
  isNameNext: boolean;
}

export function caretIn(text: string, at: number): Caret | undefined {
  const levels: Level[] = [];
  const told = (level: Level | undefined, from: number, isQuoted: boolean): Caret | undefined =>
    level && {
      from,
      typed: text.slice(from, at),
      holder: level.holder,
      member: level.isObject ? (level.isNameNext ? undefined : level.member) : level.holder,
      names: level.names,
      isQuoted,
    };
  for (let index = 0; index < at; index++) {
    const level = levels.at(-1);
    const letter = text.charAt(index);
    if (letter === '"') {
      const begin = index + 1;
      for (index = begin; index < at && text.charAt(index) !== '"'; index++) if (text.charAt(index) === "\\") index++;
      if (index >= at) return told(level, begin, true);
      if (level?.isObject && level.isNameNext) level.names.add((level.member = text.slice(begin, index)));
    } else if (letter === "{" || letter === "[") {
      const holder = level ? (level.isObject ? level.member : level.holder) : "";
      levels.push({ isObject: letter === "{", holder, member: "", names: new Set(), isNameNext: true });
    } else if (letter === "}" || letter === "]") levels.pop();
    else if (level && letter === ":") level.isNameNext = false;
    else if (level && letter === ",") level.isNameNext = true;
  }
  return /[{,[:]\s*$/.test(text.slice(0, at)) ? told(levels.at(-1), at, false) : undefined;
}
