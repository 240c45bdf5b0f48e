// The race section: the same refresh token, or the same code, is used several
// times at once. Right is that every refresh token handed out is alive at its
// next use, and that exactly one of the redemptions succeeds.

import { temporaryFolder } from "./children.mjs";
import { FLOWS, RACES } from "./config.mjs";
import { startServers, stopServers } from "./measure.mjs";
import { authorize, dance, redeem, refresh, register, signIn } from "./oauth.mjs";

const atTheSameTime = (times, work) => Promise.all(Array.from({ length: times }, work));
const isTaken = ({ status }) => status === 200;
const name = (round) => `bench racer ${round}`;

// Each round returns how many requests were taken, and how many faults that is.
const ROUNDS = {
  async refresh(server, person, atOnce, round) {
    const { clientId, refresh: contended } = await dance(server, { name: name(round), person });
    const answers = await atTheSameTime(atOnce, () => refresh(server, clientId, contended));
    const handedOut = answers.filter(isTaken).map((answer) => answer.refresh_token);
    let dead = 0;
    for (const token of handedOut) {
      dead += isTaken(await refresh(server, clientId, token)) ? 0 : 1;
    }
    // With no token left that lives, somebody is signed out.
    return { taken: handedOut.length, faults: dead, lost: dead === handedOut.length };
  },
  async redeem(server, person, atOnce, round) {
    const clientId = await register(server, name(round));
    const authorized = await authorize(server, clientId, person);
    const answers = await atTheSameTime(atOnce, () => redeem(server, clientId, authorized));
    const taken = answers.filter(isTaken).length;
    return { taken, faults: Math.max(0, taken - 1), lost: taken === 0 };
  },
};

async function race(server, person, what, atOnce, rounds) {
  const sum = { taken: 0, faults: 0, lost: 0 };
  for (let round = 1; round <= rounds; round += 1) {
    const { taken, faults, lost } = await ROUNDS[what](server, person, atOnce, round);
    sum.taken += taken;
    sum.faults += faults;
    sum.lost += lost ? 1 : 0;
  }
  return sum;
}

export async function raceSection({ specs, emit, say }) {
  const running = await startServers(Object.keys(FLOWS), specs, temporaryFolder());
  for (const [what, atOnce, rounds] of RACES) {
    for (const [target, { server, error }] of Object.entries(running)) {
      const row = { kind: "race", what, at_once: atOnce, rounds, target };
      try {
        if (error) {
          throw error;
        }
        const person = await signIn(server, "racer@bench.example");
        const counts = await race(server, person, what, atOnce, rounds);
        emit({ ...row, ...counts });
        say(`race ${what} ${atOnce} x ${rounds} ${target}: ${counts.faults} faults, ${counts.lost} lost`);
      } catch (failure) {
        emit({ ...row, failed: failure.message });
        say(`race ${what} ${atOnce} x ${rounds} ${target}: FAILED: ${failure.message}`);
      }
    }
  }
  await stopServers(running);
}
