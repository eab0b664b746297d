// Serves Azure's blobs with some objects, the second argument's number of them below `many/` in `pail`; the first is where the
// server is installed.
//
// Prints where, the account with its key, and signatures for `pail`, as JSON. `open` is for everyone. Then each line of its
// standard input is an order, {"bucket", "key", "body"}, to put an object, or to delete it where the body is null; each is
// answered with a line once it is done. It ends with its input.
"use strict";
const { randomBytes } = require("node:crypto");
const { createRequire } = require("node:module");
const { createInterface } = require("node:readline");

const [, place, many] = process.argv;
const load = createRequire(`${place}/serve.js`);
const { BlobServiceClient, ContainerSASPermissions, StorageSharedKeyCredential } = load("@azure/storage-blob");
const account = "tester";
const key = randomBytes(32).toString("base64");
const say = (told) => process.stdout.write(`${told}\n`);

function serve() {
  process.env.AZURITE_ACCOUNTS = `${account}:${key}`;
  const options = ["--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence", "--silent", "--disableTelemetry"];
  process.argv = [process.argv[0], "azurite-blob", ...options];
  return new Promise((resolve) => {
    console.log = (line) => {
      const found = /listen\w* on (http:\S+)/.exec(line);
      if (found) resolve(new URL(found[1]));
    };
    load("azurite/dist/src/blob/main");
  });
}

async function signature(container, permissions) {
  const url = await container.generateSasUrl({
    permissions: ContainerSASPermissions.parse(permissions),
    expiresOn: new Date(Date.now() + 86400e3),
  });
  return new URL(url).search.slice(1);
}

async function main() {
  const { port } = await serve();
  const login = new StorageSharedKeyCredential(account, key);
  const store = new BlobServiceClient(`http://127.0.0.1:${port}/${account}`, login);
  const put = (bucket, name, body) => store.getContainerClient(bucket).getBlockBlobClient(name).upload(body, Buffer.byteLength(body));
  const pail = store.getContainerClient("pail");
  await pail.create();
  await store.getContainerClient("open").create({ access: "container" });
  const keys = ["team/a.yaml", "team/b/c d+ü&<.yaml", "team-b/x.yaml", "odd/a//b.yaml", "odd/good.yaml"];
  for (const name of keys) await put("pail", name, name);
  for (let number = 0; number < Number(many); number += 1) await put("pail", `many/${String(number).padStart(4, "0")}.yaml`, "x");
  await put("open", "a.yaml", "for everyone");
  const [full, reading] = [await signature(pail, "rl"), await signature(pail, "r")];
  say(JSON.stringify({ port: Number(port), account, key, many: Number(many), full, reading }));
  for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    if (order.body === null) await store.getContainerClient(order.bucket).deleteBlob(order.key);
    else await put(order.bucket, order.key, order.body);
    say("");
  }
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
