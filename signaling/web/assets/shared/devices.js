// @ts-check
/**
 * Asking for camera and microphone, and what it means when they do not come.
 *
 * @typedef {"audio" | "video"} Kind
 * @typedef {"blocked" | "system" | "dismissed" | "missing" | "busy" | "insecure" | "unsupported"
 *   | "failed"} Trouble
 * @typedef {{trouble: Trouble, device: "camera" | "microphone" | "both"}} Problem
 * @typedef {{audio: boolean, video: boolean}} Want
 * @typedef {{audio: MediaStreamTrack | null, video: MediaStreamTrack | null, problem: Problem | null}} Found
 */

const CHOICE_KEY = "vitrine.devices";

/** The devices this person chose last. @returns {{audio?: string, video?: string}} */
export function chosen() {
  try {
    return JSON.parse(localStorage.getItem(CHOICE_KEY) ?? "{}");
  } catch {
    return {};
  }
}

/** @param {Kind} kind @param {string} id */
export function remember(kind, id) {
  try {
    localStorage.setItem(CHOICE_KEY, JSON.stringify({ ...chosen(), [kind]: id }));
  } catch {
    // Storage may be off; the choice then lasts as long as the page.
  }
}

/** @param {Kind} kind @returns {Promise<MediaDeviceInfo[]>} */
export async function list(kind) {
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  return devices.filter((device) => device.kind === `${kind}input`);
}

/** Echo cancellation is asked for by name: some phones leave it off otherwise. */
const AUDIO = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const VIDEO = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };

/** Both, asked for before anybody wanted them. @type {Promise<MediaStream> | null} */
let ahead = null;

/** A camera takes longer to open than the rest of a page to come: the first `request` for both takes this one. */
export function askAhead() {
  if (!navigator.mediaDevices?.getUserMedia) return;
  ahead = navigator.mediaDevices.getUserMedia(wishes({ audio: true, video: true }, "user"));
  // Whoever takes it hears of it.
  ahead.catch(() => {});
}

/** @param {Want} want @param {"user" | "environment"} facing */
function wishes(want, facing) {
  const { audio, video } = chosen();
  return {
    audio: want.audio && { ...AUDIO, ...(audio ? { deviceId: { ideal: audio } } : {}) },
    video: want.video && {
      ...VIDEO,
      ...(video ? { deviceId: { ideal: video } } : { facingMode: { ideal: facing } }),
    },
  };
}

/**
 * One track of each kind wanted, as far as they can be had without asking the person twice.
 * @param {Want} want
 * @param {"user" | "environment"} facing
 * @returns {Promise<Found>}
 */
export async function request(want, facing) {
  if (!navigator.mediaDevices?.getUserMedia) {
    return nothing({ trouble: isSecureContext ? "unsupported" : "insecure", device: "both" });
  }
  const constraints = wishes(want, facing);
  const asked = want.audio && want.video ? ahead : null;
  ahead = null;
  try {
    const stream = await (asked ?? navigator.mediaDevices.getUserMedia(constraints));
    return { ...tracks(stream), problem: null };
  } catch (error) {
    const problem = await explain(/** @type {DOMException} */ (error), want);
    if (!want.audio || !want.video || problem.trouble === "dismissed") return nothing(problem);
    return oneOfTwo(constraints, problem);
  }
}

/**
 * One of the two may still work: sound without picture is worth more than neither.
 * @param {MediaStreamConstraints} constraints
 * @param {Problem} problem of asking for both
 * @returns {Promise<Found>}
 */
async function oneOfTwo(constraints, problem) {
  const asks = problem.trouble === "blocked" || problem.trouble === "system";
  for (const kind of /** @type {Kind[]} */ (["audio", "video"])) {
    if (asks && (await permission(kind)) !== "granted") continue;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ [kind]: constraints[kind] });
      const device = kind === "audio" ? "camera" : "microphone";
      return { ...tracks(stream), problem: { trouble: problem.trouble, device } };
    } catch {
      // Then the other one; what was wrong with both together is what the person reads.
    }
  }
  return nothing(problem);
}

/**
 * @param {DOMException} error
 * @param {Want} want
 * @returns {Promise<Problem>}
 */
async function explain(error, want) {
  const kinds = /** @type {Kind[]} */ (["audio", "video"]).filter((kind) => want[kind]);
  const both = kinds.length === 2;
  const device = both ? "both" : want.video ? "camera" : "microphone";
  switch (error.name) {
    case "NotAllowedError":
    case "SecurityError": {
      if (/system/i.test(error.message)) return { trouble: "system", device };
      const states = await Promise.all(kinds.map(permission));
      const denied = kinds.filter((_, i) => states[i] === "denied");
      if (denied.length === 0) return { trouble: "dismissed", device };
      const which = denied.length === kinds.length ? device : denied[0] === "video" ? "camera" : "microphone";
      return { trouble: "blocked", device: which };
    }
    case "NotFoundError": {
      const missing = [];
      for (const kind of kinds) if ((await list(kind)).length === 0) missing.push(kind);
      return { trouble: "missing", device: missing.length === 1 ? (missing[0] === "video" ? "camera" : "microphone") : device };
    }
    case "NotReadableError":
    case "AbortError":
      return { trouble: "busy", device };
    case "TypeError":
      return { trouble: isSecureContext ? "unsupported" : "insecure", device };
    default:
      return { trouble: "failed", device };
  }
}

/** @param {Kind} kind @returns {Promise<PermissionState | "unknown">} */
export async function permission(kind) {
  return (await permissionStatus(kind))?.state ?? "unknown";
}

/** @param {Kind} kind @returns {Promise<PermissionStatus | null>} */
export async function permissionStatus(kind) {
  const name = /** @type {PermissionName} */ (kind === "audio" ? "microphone" : "camera");
  try {
    return await navigator.permissions.query({ name });
  } catch {
    // Firefox before 132 and old WebViews do not know these names.
    return null;
  }
}

/**
 * The other camera. Phones often refuse to open a second one, so the current track must be stopped
 * before; facing is a wish first and a device id only when the wish changed nothing.
 * @param {string | undefined} current device id of the stopped track
 * @param {"user" | "environment"} facing
 * @returns {Promise<MediaStreamTrack | null>}
 */
export async function otherCamera(current, facing) {
  const attempt = async (/** @type {MediaTrackConstraints} */ extra) => {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { ...VIDEO, ...extra } });
      return stream.getVideoTracks()[0];
    } catch {
      return null;
    }
  };
  const wished = await attempt({ facingMode: { ideal: facing } });
  if (wished && wished.getSettings().deviceId !== current) return wished;
  const cameras = await list("video");
  const next = cameras[(cameras.findIndex((camera) => camera.deviceId === current) + 1) % cameras.length];
  if (!next || next.deviceId === current) return wished;
  wished?.stop();
  return (await attempt({ deviceId: { exact: next.deviceId } })) ?? attempt({});
}

/** @param {MediaStream} stream */
function tracks(stream) {
  return { audio: stream.getAudioTracks()[0] ?? null, video: stream.getVideoTracks()[0] ?? null };
}

/** @param {Problem} problem @returns {Found} */
function nothing(problem) {
  return { audio: null, video: null, problem };
}
