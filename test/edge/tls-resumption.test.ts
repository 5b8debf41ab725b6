import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import type { EdgeWorker } from "../../src/edge/worker.ts";
import { createAuthority } from "./authority.ts";
import { createInstallation, type Installation } from "./installation.ts";
import { type Handshake, type Shown, shakeHands } from "./tls-client.ts";

const authority = createAuthority();
const SECRET = "the master secret that both machines have";
const HOST = "click.acme.com";
const OTHER_HOST = "click.other.example";
const pairs = new Map([HOST, OTHER_HOST].map((host) => [host, authority.issue(host)]));
const installations: Installation[] = [];

let first: EdgeWorker;
let ofSameMachine: EdgeWorker;
let ofOtherMachine: EdgeWorker;
let ofStrangers: EdgeWorker;

before(async () => {
  const machine = await createMachine();
  first = await machine();
  ofSameMachine = await machine();
  ofOtherMachine = await (await createMachine())();
  ofStrangers = await (await createMachine("another master secret that is long enough"))();
});
after(() => Promise.all(installations.map((installation) => installation[Symbol.asyncDispose]())));

/** A data directory with both certificates. Gives what starts a worker on it. */
async function createMachine(secret = SECRET): Promise<() => Promise<EdgeWorker>> {
  const installation = await createInstallation({ publish: false, secret });
  installations.push(installation);
  const hosts = new Map();
  for (const [host, pair] of pairs) hosts.set(host, await installation.certify(host, pair));
  await installation.publish(1, hosts);
  return () => installation.startWorker({ tls: installation.tls });
}

const shake = (worker: EdgeWorker, over: Partial<Handshake>): Promise<Shown> =>
  shakeHands({ port: worker.tlsAddress?.port ?? 0, servername: HOST, ca: authority.rootPem, ...over });

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  test(`a session is taken up by the worker that began it, and by others of all machines (${version})`, async () => {
    const { session, isResumed } = await shake(first, { version });
    assert.equal(isResumed, false);
    for (const worker of [first, ofSameMachine, ofOtherMachine]) {
      const again = await shake(worker, { version, session });
      assert.equal(again.isResumed, true);
      assert.equal(again.status, 200);
    }
  });

  test(`a machine with another master secret makes a handshake of its own (${version})`, async () => {
    const { session } = await shake(first, { version });
    const shown = await shake(ofStrangers, { version, session });
    assert.equal(shown.isResumed, false);
    assert.equal(shown.altNames, `DNS:${HOST}`);
  });

  test(`a session that was begun with one name is not taken up for another (${version})`, async () => {
    const { session } = await shake(first, { version });
    const shown = await shake(first, { version, session, servername: OTHER_HOST });
    assert.equal(shown.isResumed, false);
    assert.equal(shown.altNames, `DNS:${OTHER_HOST}`);
  });
}
