// @ts-check
/**
 * Which addresses this device has now, and where a connection has to be made to leave from them.
 *
 * Chromium tells a document late that its addresses have changed, so that several changes become one: 1.5 s
 * on Linux and Windows, at once on Android (`NetworkChangeCalculatorParams` in `net/base`). Every connection that the
 * document makes until then leaves from an address that is gone. A document that is younger than the change
 * sees what is there, so an empty frame of this page does.
 */

/** How long the first address may take. Looking takes some 20 ms. */
const WITHIN = 500;
/** So long after the first address all have come: they are found together. */
const LINGER = 30;

/** A document that makes connections: the page's own, or one in a frame that goes with its connection. */
export class Place {
  #frame;

  /** @param {HTMLIFrameElement} [frame] */
  constructor(frame) {
    this.#frame = frame;
  }

  /** @param {RTCConfiguration} [configuration] */
  connection(configuration) {
    const view = /** @type {typeof globalThis} */ (this.#frame ? this.#frame.contentWindow : window);
    return new view.RTCPeerConnection(configuration);
  }

  /** Nothing is made here any more, and what was made is closed. */
  leave() {
    this.#frame?.remove();
  }
}

/**
 * The addresses of this device, and a place that knows them; null where the browser tells no addresses,
 * which it does only to pages that may use camera or microphone.
 * @returns {Promise<{addresses: Set<string>, place: Place} | null>}
 */
export async function lookAround() {
  const frame = document.createElement("iframe");
  frame.hidden = true;
  document.body.append(frame);
  const [own, young] = [new Place(), new Place(frame)];
  /** @type {Set<string>} */ const known = new Set();
  /** @type {Set<string>} */ const addresses = new Set();
  const [stopOwn, stopYoung] = [gather(own, known), gather(young, addresses)];
  const deadline = performance.now() + WITHIN;
  while (addresses.size === 0 && performance.now() < deadline) await sleep(LINGER / 3);
  await sleep(LINGER);
  stopOwn();
  stopYoung();
  const sees = [...addresses].some((address) => known.has(address));
  if (sees || addresses.size === 0) young.leave();
  if (addresses.size === 0) return null;
  return { addresses, place: sees ? own : young };
}

/**
 * Notes the addresses that a connection made there would leave from.
 * @param {Place} place
 * @param {Set<string>} addresses
 * @returns {() => void} to stop
 */
function gather(place, addresses) {
  const pc = place.connection();
  pc.onicecandidate = ({ candidate }) => {
    if (candidate?.type !== "host" || candidate.protocol !== "udp" || !candidate.address) return;
    // A name that stands for an address the page must not know.
    if (!candidate.address.endsWith(".local")) addresses.add(candidate.address);
  };
  pc.createDataChannel("");
  pc.createOffer().then((offer) => pc.setLocalDescription(offer)).catch(() => {});
  return () => pc.close();
}

/**
 * The address of this device that a connection uses; null while it uses none, or the browser does not say.
 * @param {RTCStatsReport} figures
 * @returns {string | null}
 */
export function addressIn(figures) {
  const report = /** @type {Map<string, any>} */ (/** @type {unknown} */ (figures));
  const all = [...report.values()];
  const transport = all.find(({ type }) => type === "transport");
  const pair = transport?.selectedCandidatePairId
    ? report.get(transport.selectedCandidatePairId)
    : all.find(({ type, selected }) => type === "candidate-pair" && selected);
  const local = report.get(pair?.localCandidateId);
  const hosts = new Set(
    all.filter(({ type, candidateType }) => type === "local-candidate" && candidateType === "host").map(({ address }) => address),
  );
  // What others see of it, behind a NAT or through a relay, is not the device's own.
  return [local?.address, local?.relatedAddress].find((address) => address && hosts.has(address)) ?? null;
}

/** @param {number} ms */
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
