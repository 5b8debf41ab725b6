import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { suite, test } from "node:test";

import type { Page } from "playwright-core";

import { onStage } from "./on-stage.ts";
import { as } from "./stage.ts";

suite("the link tester", () => {
  const set = onStage(async (stage) => {
    await stage.waypost.call("POST", "/api/v1/subaccounts", { body: { name: "Harbour" } });
    await stage.waypost.addVerifiedDomain("click.acme.com");
    await stage.waypost.call("PUT", "/api/v1/tracking-domains/click.acme.com", { body: { default: true } });
    await stage.waypost.addVerifiedDomain("click.harbour.example", as(1));
  });
  const { open } = set;
  const wrap = async (page: Page, html: string) => {
    await page.getByLabel("HTML of the message").fill(html);
    await page.getByRole("button", { name: "Wrap it" }).click();
    await page.getByText(/links are tracked|Nothing was tracked/).waitFor();
  };

  test("says of every link whether it is tracked, and if not why", async () => {
    await using tab = await open("/tester");
    const { page } = tab;
    await wrap(page, '<a href="https://a.example/">a</a> <a href="mailto:x@a.example">b</a>');
    await page.getByText("1 of 2 links are tracked, with click.acme.com.").waitFor();
    await page.getByText("Not an http or https address").waitFor();
    assert.deepEqual(tab.complaints, []);
  });

  test("only what was tracked is marked as tracked: neither a like path elsewhere nor an older tracked link", async () => {
    await using tab = await open("/tester");
    const { page } = tab;
    await wrap(
      page,
      `<a href="https://a.example/">new</a> <a href="https://a.example/e/shoes" data-msys-clicktrack="0">like</a>
       <a href="http://click.acme.com/e/older" data-msys-clicktrack="0">older</a>`,
    );
    const frame = page.frameLocator("iframe");
    for (const [text, mark] of [
      ["new", "tracked"],
      ["like", "other"],
      ["older", "other"],
    ] as const)
      assert.equal(await frame.getByText(text).getAttribute("data-link"), mark, text);
    await page.getByRole("button", { name: "As it goes out" }).click();
    const marked = await page.locator("mark").allTextContents();
    assert.ok(marked.length > 0);
    for (const url of marked) {
      assert.match(url, /^http:\/\/click\.acme\.com:\d+\/e\//);
      assert.doesNotMatch(url, /older/);
    }
    assert.deepEqual(tab.complaints, []);
  });

  test("mail that is looked at runs nothing and reaches nobody", async (t) => {
    await using tab = await open("/tester");
    const { page } = tab;
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? "");
      response.end();
    }).listen(0, "127.0.0.1");
    // A name that is looked up and a connection that is opened would tell the sender as much as a request.
    server.on("connection", (socket) => {
      asked.push("a connection");
      socket.destroy();
    });
    t.after(() => server.close());
    await once(server, "listening");
    const evil = `http://evil.example:${(server.address() as AddressInfo).port}`;
    await wrap(
      page,
      `<html><head><meta http-equiv="refresh" content="0;url=${evil}/refresh">
       <link rel="stylesheet" href="${evil}/style.css"><link rel="preconnect" href="${evil}"><link rel="prefetch" href="${evil}/prefetch"><base href="${evil}/"></head>
       <body onload="parent.document.title='pwned'"><p style="color: rgb(1, 2, 3)">shown</p>
       <script>parent.document.title = "pwned"</script><img src="${evil}/pixel" onerror="parent.document.title='pwned'">
       <iframe src="${evil}/frame"></iframe><object data="${evil}/object"></object>
       <form action="${evil}/form"><button>send</button></form>
       <a href="${evil}/click" data-msys-clicktrack="0">out</a></body></html>`,
    );
    const frame = page.frameLocator("iframe");
    await frame.getByText("shown").waitFor();
    assert.equal(await frame.getByText("shown").getAttribute("style"), "color: rgb(1, 2, 3)");
    await frame.getByText("out").click();
    await frame.getByText("send").click();
    assert.equal(await frame.getByText("out").getAttribute("title"), `${evil}/click`);
    // Long enough for the page to have looked at its session and more.
    await page.getByRole("button", { name: "As it came" }).click();
    await page.getByRole("button", { name: "As it looks" }).click();
    await frame.getByText("shown").waitFor();
    assert.deepEqual(asked, []);
    assert.equal((await set.stage.waypost.call("GET", "/api/v1/events/message")).json.total_count, 0);
    assert.equal(await page.title(), "Link tester · Waypost");
  });

  test("a raw message is wrapped whole, and its HTML shown", async () => {
    await using tab = await open("/tester");
    const { page } = tab;
    await page.getByLabel("A raw message").check();
    const message = [
      "From: shop@acme.com",
      "To: ann@example.com",
      "Subject: Boots",
      "MIME-Version: 1.0",
      "Content-Type: text/html; charset=utf-8",
      "Content-Transfer-Encoding: quoted-printable",
      "",
      '<body><a href=3D"https://www.example.com/">See th=\nem</a></body>',
      "",
    ].join("\n");
    await page.getByLabel("The whole message, with its header").fill(message);
    await page.getByRole("button", { name: "Wrap it" }).click();
    await page.getByText("1 of 1 links are tracked").waitFor();
    await page.frameLocator("iframe").getByText("See them").waitFor();
    await page.getByRole("button", { name: "As it goes out" }).click();
    await page.locator("pre").getByText("Subject: Boots").waitFor();
  });

  test("a message for a subaccount uses the subaccount's domains, and its links open for it", async () => {
    await using tab = await open("/tester");
    const { page } = tab;
    await page.getByLabel("Sent for").selectOption({ label: "Harbour (1)" });
    await page.getByLabel("Tracking domain").selectOption("click.harbour.example");
    await wrap(page, '<a href="https://a.example/">a</a>');
    await page.getByText("1 of 1 links are tracked, with click.harbour.example.").waitFor();
    await page.getByRole("button", { name: "As it goes out" }).click();
    const link = (await page.locator("mark").allTextContents()).find((text) => !text.endsWith(">"));
    await page.getByLabel("Tracked link").fill(link ?? "");
    await page.getByRole("button", { name: "Open it" }).click();
    await page.getByText("https://a.example/").last().waitFor();
    await page.getByText("Harbour (1)", { exact: true }).last().waitFor();
    await page.getByLabel("Tracked link").fill("not a url");
    await page.getByRole("button", { name: "Open it" }).click();
    await page.getByText("That is not a whole URL").waitFor();
  });
});
