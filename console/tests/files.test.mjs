/** Files that a page gives: no cell of a CSV file is a formula, whatever separates its cells. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { transformWithEsbuild } from "vite";

const source = readFileSync(new URL("../src/files.ts", import.meta.url), "utf8");
const { code } = await transformWithEsbuild(source, "files.ts");
const { csv } = await import(`data:text/javascript,${encodeURIComponent(code)}`);

test("a text that a spreadsheet would take for a formula gets an apostrophe, also where semicolons begin a cell", () => {
  for (const [text, cell] of [
    ["=1+1", "'=1+1"],
    [' "=1', "\"' \"\"=1\""],
    ["a;=1", "a;'=1"],
    ['a";"=1', '"a"";""\'=1"'],
    ["a\n@b", "\"a\n'@b\""],
    ["\tb", "'\tb"],
    ["gpt-5; b", "gpt-5; b"],
    [-3, "-3"],
    [null, ""],
  ])
    assert.equal(csv([[text]]), `${cell}\r\n`);
});
