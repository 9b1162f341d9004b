// Drives a server with an official client library for TypeScript, which validates what it receives.
//
//     node client.mjs 1|2 RUNNER PROJECT
//
// 1 is `@modelcontextprotocol/sdk`, which knows only the protocol with a handshake; 2 is `@modelcontextprotocol/client`. PROJECT is
// the folder that `local_api.py` wrote. The libraries are resolved from the working directory.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [generation, runner, project] = process.argv.slice(2);
const slug = { project_slug: "gh/acme/web" };
const require = createRequire(pathToFileURL(process.cwd() + "/"));
const load = (name) => import(pathToFileURL(require.resolve(name)));

const LIBRARIES = {
  1: {
    client: "@modelcontextprotocol/sdk/client/index.js",
    stdio: "@modelcontextprotocol/sdk/client/stdio.js",
    modes: { legacy: "2025-11-25" },
    call: (client, params, options) => client.callTool(params, undefined, options),
  },
  2: {
    client: "@modelcontextprotocol/client",
    stdio: "@modelcontextprotocol/client/stdio",
    modes: { legacy: "2025-11-25", auto: "2026-07-28", pin: "2026-07-28" },
    call: (client, params, options) => client.callTool(params, options),
  },
};

const library = LIBRARIES[generation];
const { Client } = await load(library.client);
const { StdioClientTransport } = await load(library.stdio);
let group = "";
let failed = 0;

function line(result, name, detail) {
  const text = detail === "" ? "" : `: ${typeof detail === "string" ? detail : JSON.stringify(detail)}`;
  console.log(`${result.padEnd(5)} ${group}: ${name}${text.replaceAll(/\s+/g, " ").slice(0, 400)}`);
}

function check(name, passed, detail = "") {
  if (!passed) failed += 1;
  line(passed ? "pass" : "FAIL", name, passed ? "" : detail);
}

const textOf = (result) => result.content.map((block) => block.text ?? "").join("");

async function errorOf(promise) {
  try {
    return { message: `an answer: ${JSON.stringify(await promise)}` };
  } catch (error) {
    return error;
  }
}

async function connected(mode, args, use) {
  const wanted = library.modes[mode];
  const versionNegotiation = { mode: mode === "pin" ? { pin: wanted } : mode };
  const client = new Client({ name: "checks", version: "0" }, { versionNegotiation });
  const transport = new StdioClientTransport({ command: runner, args: ["mcp", ...args], cwd: "/", stderr: "ignore" });
  const broken = [];
  client.onerror = (error) => broken.push(String(error));
  await client.connect(transport);
  // Without the tools, a client does not validate answers.
  const { tools } = await client.listTools();
  const call = (name, args, options) => library.call(client, { name, arguments: args }, options);
  try {
    await use(call, Object.fromEntries(tools.map((tool) => [tool.name, tool])), client, transport);
    check("no message was refused by the client", broken.length === 0, broken);
  } finally {
    const began = performance.now();
    await client.close();
    const took = performance.now() - began;
    // The library terminates a server that has not ended by itself after two seconds.
    check("ends when it is closed", took < 1500, `${took} ms`);
  }
}

const PARTS = {
  demo: (mode) =>
    connected(mode, ["--demo"], async (call, tools, client, transport) => {
      const version = client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion ?? transport._protocolVersion;
      if (version === undefined) line("note", "version", "not shown by this library");
      else check("version", version === library.modes[mode], version);
      check("list", ["failed_jobs", "sql", "check"].every((name) => name in tools), Object.keys(tools));
      check("no writer is listed", !("trigger_pipeline" in tools), Object.keys(tools));
      check("an output schema to validate with", "outputSchema" in tools.failed_jobs, tools.failed_jobs);

      const answer = await call("failed_jobs", slug);
      const { records } = answer.structuredContent;
      check("call", !answer.isError && records.length > 0, answer);
      check("the text has the records", textOf(answer).includes(String(records[0][4])), textOf(answer));
      const queries = ["weekly_report", "insights_workflows", "project_workflows", "queue_times", "list_queries"];
      for (const name of queries) {
        const answer = await call(name, name === "list_queries" ? {} : slug);
        check(`call ${name}`, !answer.isError, answer);
      }

      const wrong = await call("failed_jobs", { ...slug, brnch: "main" });
      check("a failing call", wrong.isError && textOf(wrong).includes("did you mean `branch`"), wrong);

      const values = [];
      const onprogress = (progress) => values.push(progress);
      await call("failed_steps", { ...slug, since: "90d" }, { onprogress, resetTimeoutOnProgress: true });
      const grows = values.every((value, at) => at === 0 || values[at - 1].progress < value.progress);
      check("progress", values.length > 0 && grows, values);
      check("unknown tool", (await errorOf(call("nope", {}))).code === -32602, await errorOf(call("nope", {})));
      const writer = await errorOf(call("trigger_pipeline", slug));
      check("a writer that is not named", writer.code === -32602, String(writer));
    }),

  timeout: (mode) =>
    connected(mode, ["--project", project], async (call) => {
      const dropped = async () => (await call("dropped", {})).structuredContent.records[0][0];
      const before = await dropped();
      const error = await errorOf(call("hangs", {}, { timeout: 500 }));
      check("request timeout", /timed? ?out/i.test(String(error.message)), String(error));
      const end = performance.now() + 10_000;
      let now = before;
      while (now === before && performance.now() < end) now = await dropped();
      check("the call is cancelled", now === before + 1, `${now} requests dropped, ${before} before`);

      const abort = new AbortController();
      const aborted = errorOf(call("hangs", {}, { signal: abort.signal }));
      await call("dropped", {});
      abort.abort("test");
      await aborted;
      while (now === before + 1 && performance.now() < end) now = await dropped();
      check("an aborted call is cancelled", now === before + 2, `${now} requests dropped, ${before} before`);
      const large = await call("large", {});
      check("integers survive", large.structuredContent.records[0][1] === "9007199254740992", large);
      const refused = await call("test_error_handling", {});
      check("an error of the API", refused.isError && textOf(refused).includes("http-404"), refused);
    }),

  writer: (mode) =>
    connected(mode, ["--demo", "--allow-write", "trigger-pipeline"], async (call, tools) => {
      const { annotations } = tools.trigger_pipeline;
      check("hints of a writer", annotations.destructiveHint && annotations.readOnlyHint === false, annotations);
      const args = { ...slug, branch: "main" };
      const proposal = await call("trigger_pipeline", args);
      const digest = textOf(proposal).match(/confirm: "(\w+)"/)?.[1];
      check("proposal", digest && !proposal.isError, proposal);
      const sent = await call("trigger_pipeline", { ...args, confirm: digest });
      check("sent", !sent.isError && !textOf(sent).includes("confirm:"), sent);
    }),
};

for (const mode of Object.keys(library.modes)) {
  group = `TypeScript client ${generation}.x ${mode}`;
  for (const [name, part] of Object.entries(PARTS)) {
    try {
      await part(mode);
    } catch (error) {
      check(name, false, String(error?.stack ?? error));
    }
  }
}
process.exit(failed ? 1 : 0);
