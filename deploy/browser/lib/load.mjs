// What else the machine did meanwhile. A figure in milliseconds is worth something only when the
// processors were there for those that were measured.

import { readdirSync, readFileSync } from "node:fs";
import { cpus } from "node:os";

/** Others that take more than this share of one processor make a block doubtful. */
const FOREIGN = 0.05;
/** As does a hypervisor that takes more than this share of the machine. */
const STOLEN = 0.01;
/** The kernel counts processor time in hundredths of a second (USER_HZ). */
const TICK_MS = 10;

/** Parent and processor time (with that of ended children), by process. */
function processes() {
  const all = new Map();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
      all.set(Number(pid), { parent: Number(fields[1]), ticks });
    } catch {
      // It has ended since the directory was read.
    }
  }
  return all;
}

/** Ticks of `root` and everything below it. */
function ticksOf(root) {
  const all = processes();
  const below = (pid) => {
    for (let at = pid; at > 1; at = all.get(at)?.parent ?? 0) if (at === root) return true;
    return false;
  };
  let sum = 0;
  for (const [pid, { ticks }] of all) if (below(pid)) sum += ticks;
  return sum;
}

function snapshot(root) {
  // user nice system idle iowait irq softirq steal
  const [user, nice, system, , , irq, softirq, steal] = readFileSync("/proc/stat", "utf8")
    .split("\n")[0]
    .split(/\s+/)
    .slice(1)
    .map(Number);
  let waited;
  try {
    waited = Number(readFileSync("/proc/pressure/cpu", "utf8").match(/^some .*total=(\d+)/m)[1]) / 1_000;
  } catch {
    // A kernel without pressure figures.
  }
  return { at: performance.now(), busy: user + nice + system + irq + softirq, steal, waited, own: ticksOf(root) };
}

/** Watches the machine from now on; `root` is the process whose descendants are ours. */
export function watchLoad(root) {
  const from = snapshot(root);
  /** Shares since then: of the machine (busy, stolen), of time (waited), of one processor (foreign). */
  return () => {
    const to = snapshot(root);
    const ms = to.at - from.at;
    const machine = (ticks) => (ticks * TICK_MS) / ms / cpus().length;
    const foreign = Math.max(0, ((to.busy - from.busy - (to.own - from.own)) * TICK_MS) / ms);
    const stolen = machine(to.steal - from.steal);
    return {
      busy: machine(to.busy - from.busy),
      waited: from.waited === undefined ? undefined : (to.waited - from.waited) / ms,
      stolen,
      foreign,
      disturbed: foreign > FOREIGN || stolen > STOLEN,
      seconds: ms / 1_000,
    };
  };
}

const percent = (share) => (share === undefined ? "?" : `${Math.round(share * 100)} %`);

/** One line for people. */
export const describeLoad = ({ busy, waited, stolen, foreign, disturbed }) =>
  `busy ${percent(busy)}, waiting ${percent(waited)}, others ${percent(foreign)} of a core, stolen ${percent(stolen)}` +
  (disturbed ? "  DISTURBED" : "");
