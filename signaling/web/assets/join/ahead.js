// @ts-check
/** Runs while the other modules of the page are still on their way. */
import { askAhead } from "../shared/devices.js";

// A page without a link asks nobody for a camera.
if (location.hash.length > 1 && "RTCPeerConnection" in window) askAhead();
