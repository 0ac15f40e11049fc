// @ts-check
/** What the page's offer asks of the codecs, as far as the browser knows it. */

/**
 * One layer: nothing has shown yet that two are worth their bits (decision 0016). Said aloud all the same: who takes a mode
 * tells by it that it knows them.
 */
const MODE = "L1T1";

/**
 * The video transceiver, with a scalability mode where the browser has them: Firefox passes over the
 * mode, and a browser that objects to it gets none.
 * @param {RTCPeerConnection} pc
 * @param {number} maxBitrate bit/s
 */
export function videoWithMode(pc, maxBitrate) {
  /** @param {Record<string, unknown>} encoding */
  const add = (encoding) => pc.addTransceiver("video", { direction: "sendrecv", sendEncodings: [encoding] });
  try {
    return add({ maxBitrate, scalabilityMode: MODE });
  } catch {
    return add({ maxBitrate });
  }
}

/**
 * Each packet of sound carries a copy of the one before it (RFC 2198), where the browser can: a
 * lost one is heard all the same. The node takes the copies out for a side that does not know them.
 * @param {RTCRtpTransceiver} audio
 */
export function preferRedundantAudio(audio) {
  const codecs = RTCRtpReceiver.getCapabilities?.("audio")?.codecs ?? [];
  const isRedundant = (/** @type {{mimeType: string}} */ codec) => /\/red$/i.test(codec.mimeType);
  const redundant = codecs.filter(isRedundant);
  if (redundant.length === 0) return;
  try {
    audio.setCodecPreferences([...redundant, ...codecs.filter((codec) => !isRedundant(codec))]);
  } catch (error) {
    console.info("vitrine: no redundant audio", error);
  }
}
