// A queue of BullMQ with its worker: for each line it reads it adds a job, and
// prints the nanoseconds until the worker began it. Redis is the first argument.
import { createInterface } from "node:readline";
import { Queue, Worker } from "bullmq";

const { hostname: host, port, pathname } = new URL(process.argv[2]);
const connection = { host, port: Number(port), db: Number(pathname.slice(1)) };
let began;

// A job is gone with its end, as BullMQ advises; everything else is its default.
const queue = new Queue("deploy", { connection, defaultJobOptions: { removeOnComplete: true } });
const worker = new Worker(
  "deploy",
  async () => {
    const took = process.hrtime.bigint() - began;
    process.stdout.write(`${took}\n`);
  },
  { connection },
);
for (const part of [queue, worker]) part.on("error", (err) => process.stderr.write(`${err}\n`));
await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
process.stdout.write("ready\n");

for await (const _ of createInterface({ input: process.stdin })) {
  began = process.hrtime.bigint();
  await queue.add("deployment:run", { id: "dep_1" });
}
await worker.close();
await queue.close();
