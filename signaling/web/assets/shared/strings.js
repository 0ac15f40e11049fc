// @ts-check
/** Words both pages use; each page adds its own in its `strings.js`. */

export const shared = {
  mute: "Mute",
  unmute: "Unmute",
  cameraOff: "Camera off",
  cameraOn: "Camera on",
  flip: "Flip camera",
  share: "Share screen",
  unshare: "Stop sharing",
  hangUp: "Hang up",
  hangingUp: "Nothing of you is sent any more. The call ends as soon as you are connected again.",
  send: "Send",
  message: "Message",
  messageHint: "Write a message",
  chat: "Chat",
  chatEmpty: "Messages you write here are seen by both of you.",
  sending: "Sending…",
  you: "You",
  tryAgain: "Try again",
  ownPicture: "Your own picture",
  controls: "Call controls",
  duration: "Call duration",

  connecting: "Connecting…",
  peerCameraOff: (/** @type {string} */ name) => `${name}’s camera is off`,
  peerMuted: (/** @type {string} */ name) => `${name} is muted`,
  peerAway: (/** @type {string} */ name) => `${name} lost the connection. Waiting for them to come back…`,
  peerBack: (/** @type {string} */ name) => `${name} is back`,
  peerJoined: (/** @type {string} */ name) => `${name} joined`,
  sharing: "You are sharing your screen",
  hear: (/** @type {string} */ name) => `Tap to hear ${name}`,
  interrupted: "Your device has paused the camera or microphone.",
  continue: "Tap to continue",

  soundOnly: "Sound only for now",
  pausedIn: (/** @type {string} */ name) => `Your connection is too weak for video right now. You and ${name} still hear each other; the picture comes back by itself.`,
  pausedOut: (/** @type {string} */ name) => `${name}’s connection is too weak for video right now. They still hear you, and see you again as soon as it is better.`,
  pausedBoth: "The connections are too weak for video right now. You still hear each other; the pictures come back by themselves.",
  pictureBack: "The connection is better: the picture is back.",
  ownPictureBack: (/** @type {string} */ name) => `${name}’s connection is better: they see you again.`,

  reconnecting: "Reconnecting…",
  backOnline: "You are connected again",
  offline: "You are offline. We keep your place and connect again by ourselves.",
  mediaReconnecting: "Sound and picture are reconnecting…",
  noNode: "Video is not available right now. We keep trying; the chat works.",

  /** Who has no name, or has not said it. */
  peer: "The other side",
  network: { good: "Good", fair: "Fair", weak: "Weak", reconnecting: "Reconnecting" },
  ownPill: (/** @type {string} */ word) => `You: ${word}`,
  peerPill: (/** @type {string} */ name, /** @type {string} */ word) => `${name.split(" ")[0]}: ${word}`,
  ownNetwork: (/** @type {string} */ word) => `Your connection: ${word}`,
  peerNetwork: (/** @type {string} */ name, /** @type {string} */ word) => `${name}’s connection: ${word}`,

  devices: "Camera and microphone",
  camera: "Camera",
  microphone: "Microphone",
  changeDevices: "Choose devices",
  device: (/** @type {number} */ n) => `Device ${n}`,
  asking: "Your browser is asking for your camera and microphone. Choose “Allow”.",
  previewOff: "Your camera is off",
  previewNone: "No picture",
  micLevel: "Microphone level",
  micOff: "Your microphone is off",
  micSilent: "Say something to test your microphone",
  micHeard: "Your microphone works",
  micNone: "No microphone",

  audioOnly: "Use microphone only",
  textOnly: "Use text only",
  copyLink: "Copy link",
  copied: "Link copied",

  /** What is wrong with a device, and the way out. @type {Record<string, {title: (device: string) => string, text: string, steps?: string[]}>} */
  trouble: {
    blocked: {
      title: (device) => `Your browser blocks the ${device}`,
      text: "It was not allowed for this page, so the browser does not ask again.",
      steps: [
        "Tap the lock or the settings sign next to the address.",
        "Set camera and microphone to “Allow”.",
        "Come back here: we notice by ourselves, or press “Try again”.",
      ],
    },
    system: {
      title: (device) => `Your device blocks the ${device}`,
      text: "The browser itself may not use it. Allow it for your browser in the privacy settings of your phone or computer, then try again.",
    },
    dismissed: {
      title: () => "Your browser’s question was closed",
      text: "Press “Try again” and choose “Allow”. Nothing is sent before the call starts.",
    },
    missing: {
      title: (device) => `We found no ${device}`,
      text: "Plug one in, or go on without it.",
    },
    busy: {
      title: (device) => `Another app is using your ${device}`,
      text: "Close the other app or tab that uses it, then try again.",
    },
    insecure: {
      title: () => "This address is not secure",
      text: "Browsers give camera and microphone to https:// addresses only. You can still see, hear and write.",
    },
    unsupported: {
      title: () => "This app’s browser has no camera",
      text: "You opened the link inside another app. Copy it and open it in Safari or Chrome, or go on without a camera.",
    },
    failed: {
      title: (device) => `The ${device} did not start`,
      text: "Try again, or go on without it.",
    },
  },
  deviceNames: { camera: "camera", microphone: "microphone", both: "camera and microphone" },
};
