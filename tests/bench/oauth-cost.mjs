// The oauth section: what a full dance (a new client registers, somebody who is
// signed in lets it in, the code becomes tokens) and a refresh cost each server,
// in CPU of its workerd. Servers take turns within each repetition. After that,
// one of each is counted in requests to storage, which says where the cost goes.

import http from "node:http";

import { temporaryFolder } from "./children.mjs";
import { FLOWS, NOISY_SHARE, OAUTH_LOAD } from "./config.mjs";
import { startMeter, waitForQuiet } from "./machine.mjs";
import { round, startServers, stopServers } from "./measure.mjs";
import { dance, refresh, signIn, tokensOf } from "./oauth.mjs";
import { countingSpec, takeCounts, total } from "./storage.mjs";

const { atOnce } = OAUTH_LOAD;

// Calls `work(turn, lane)` for each turn, one lane after the other's turn.
async function inLanes(turns, work) {
  let next = 0;
  const runLane = async (_, lane) => {
    while (next < turns) {
      const turn = next;
      next += 1;
      await work(turn, lane);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, runLane));
}

let lastName = 0;

const newPerson = (server) => signIn(server, `person-${(lastName += 1)}@bench.example`);
const newDance = (server, person) => dance(server, { name: `bench client ${(lastName += 1)}`, person });

// Each prepares, uncounted, and returns the work of one turn.
const OPERATIONS = {
  // A person for each dance, signed in already.
  async dance(server, turns) {
    const people = [];
    await inLanes(turns, async (turn) => {
      people[turn] = await newPerson(server);
    });
    return (turn) => newDance(server, people[turn]);
  },
  // A grant for each lane, and each refresh takes the newest token of its own.
  async refresh(server) {
    const grants = [];
    await inLanes(atOnce, async (turn) => {
      grants[turn] = await newDance(server, await newPerson(server));
    });
    return async (_, lane) => {
      const { clientId, refresh: newest } = grants[lane];
      grants[lane].refresh = tokensOf(await refresh(server, clientId, newest)).refresh;
    };
  },
};

async function measureOperation(operation, { name, port, workerd }, options) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: atOnce });
  try {
    const warmUp = options.isQuick ? OAUTH_LOAD.quickWarmUp : OAUTH_LOAD.warmUp;
    const turns = options.operations;
    const work = await OPERATIONS[operation]({ name, port, agent }, warmUp + turns);
    await inLanes(warmUp, work);
    const busyBefore = await waitForQuiet(options.quietSecs * 1000);
    const readMeter = startMeter(workerd);
    const ownBefore = process.cpuUsage();
    const begun = performance.now();

    await inLanes(turns, (turn, lane) => work(warmUp + turn, lane));

    const seconds = (performance.now() - begun) / 1000;
    const own = process.cpuUsage(ownBefore);
    const { serverSeconds, otherShare } = readMeter((own.user + own.system) / 1e6);
    return {
      operations: turns,
      at_once: atOnce,
      per_second: round(turns / seconds, 1),
      cpu_ms_each: serverSeconds === null ? null : round((serverSeconds * 1000) / turns, 3),
      busy_before: round(busyBefore, 3),
      other_share: round(otherShare, 3),
      noisy: otherShare === null ? null : otherShare > NOISY_SHARE,
    };
  } finally {
    agent.destroy();
  }
}

async function countOperations({ server, error }, emit) {
  const row = { kind: "oauth-count", target: server?.name };
  if (error) {
    emit({ ...row, failed: error.message });
    return;
  }
  for (const operation of Object.keys(OPERATIONS)) {
    try {
      const work = await OPERATIONS[operation](server, 2);
      // The first of an isolate makes what the later ones find.
      await work(0, 0);
      await takeCounts(server);
      await work(1, 0);
      const counts = await takeCounts(server);
      emit({ ...row, operation, requests: total(counts), counts });
    } catch (failure) {
      emit({ ...row, operation, failed: failure.message });
    }
  }
}

export async function oauthSection({ specs, options, emit, say }) {
  const names = Object.keys(FLOWS);
  for (let rep = 1; rep <= options.reps; rep += 1) {
    const running = await startServers(names, specs, temporaryFolder());
    for (const operation of Object.keys(OPERATIONS)) {
      for (const target of names) {
        const row = { kind: "oauth", operation, target, rep };
        const { server, error } = running[target];
        try {
          if (error) {
            throw error;
          }
          const figures = await measureOperation(operation, server, options);
          emit({ ...row, ...figures });
          say(
            `rep ${rep} ${operation} ${target}: ${figures.per_second} a second, CPU ${figures.cpu_ms_each} ms` +
              (figures.noisy ? " (noisy)" : ""),
          );
        } catch (failure) {
          emit({ ...row, failed: failure.message });
          say(`rep ${rep} ${operation} ${target}: FAILED: ${failure.message}`);
        }
      }
    }
    await stopServers(running);
  }
  const counted = Object.fromEntries(names.map((name) => [name, countingSpec(specs[name])]));
  const running = await startServers(names, counted, temporaryFolder());
  for (const entry of Object.values(running)) {
    await countOperations(entry, emit);
  }
  await stopServers(running);
}
