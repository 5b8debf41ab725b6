import assert from "node:assert/strict";
import { describe, test } from "node:test";

import fc from "fast-check";

import { AppError } from "../domain/errors.ts";
import { parseHostname } from "../domain/hostname.ts";
import { createNamePolicy, restrictedDomainText } from "./restricted-names.ts";

function isRestricted(name: string, over: { ownNames?: string[]; restricted?: string[] } = {}): boolean {
  return createNamePolicy({ ownNames: [], restricted: [], ...over }).isRestricted(parseHostname(name));
}

describe("restricted names", () => {
  test("an ordinary name is free", () => {
    for (const name of [
      "click.acme.com",
      "acme.co.uk",
      "links.acme.github.io",
      "click.localhost",
      "a.test",
    ]) {
      assert.equal(isRestricted(name), false, name);
    }
  });

  test("the installation's own name is restricted, in any spelling, and the names under it are free", () => {
    const ownNames = ["Edge.Example.NET."];
    assert.equal(isRestricted("edge.example.net", { ownNames }), true);
    assert.equal(isRestricted("EDGE.example.net", { ownNames }), true);
    assert.equal(isRestricted("t.edge.example.net", { ownNames }), false);
    assert.equal(isRestricted("example.net", { ownNames }), false);
  });

  test("with the CNAME target left at localhost, names under localhost are free", () => {
    assert.equal(isRestricted("click.localhost", { ownNames: ["localhost"] }), false);
  });

  for (const suffix of ["co.uk", "github.io", "s3.amazonaws.com", "foo.ck", "xn--55qx5d.cn"]) {
    test(`a suffix under which anybody registers names is restricted (${suffix})`, () => {
      assert.equal(isRestricted(suffix), true);
      assert.equal(isRestricted(`acme.${suffix}`), false);
    });
  }

  test("an operator's name restricts exactly that name", () => {
    const restricted = ["Bank.Example"];
    assert.equal(isRestricted("bank.example", { restricted }), true);
    assert.equal(isRestricted("click.bank.example", { restricted }), false);
    assert.equal(isRestricted("notbank.example", { restricted }), false);
  });

  test("an operator's suffix restricts the name and every name under it", () => {
    const restricted = [".bank.example", ".zip", ".Bücher.example"];
    for (const name of [
      "bank.example",
      "a.bank.example",
      "a.b.bank.example",
      "a.zip",
      "x.xn--bcher-kva.example",
    ]) {
      assert.equal(isRestricted(name, { restricted }), true, name);
    }
    assert.equal(isRestricted("notbank.example", { restricted }), false);
    assert.equal(isRestricted("bank.example.org", { restricted }), false);
  });

  test("a suffix restricts whatever stands in front of it", () => {
    const labels = fc.array(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 0, maxLength: 4 });
    fc.assert(
      fc.property(labels, (front) =>
        isRestricted([...front, "bank", "example"].join("."), { restricted: [".bank.example"] }),
      ),
    );
  });

  for (const entry of ["", ".", "*.example.com", "two words", "a..b", "-a.example", ".-"]) {
    test(`an entry that is no name is refused instead of ignored ('${entry}')`, () => {
      assert.throws(
        () => createNamePolicy({ ownNames: [], restricted: [entry] }),
        (error) => error instanceof AppError && error.code === "invalid_parameters",
      );
    });
  }

  test("the text for a restricted name is the specification's, with the operator's address", () => {
    assert.equal(
      restrictedDomainText("support@sparkpost.com"),
      "Please contact us at support@sparkpost.com to get this domain authorized for your account.",
    );
  });
});
