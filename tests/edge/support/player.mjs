// A browser as the judge of a film with sound: it plays to its end, and its pictures and samples are handed back.
import { launch } from "./chromium.mjs";

/// Plays `film`, an MP4. Returns its size, its length and where it ended in seconds, the mean colours of the pictures at
/// `moments`, and every channel of its sound, decoded at `rate`.
export async function play(film, { moments, rate }) {
  const browser = await launch();
  try {
    const page = await browser.newPage();
    return await page.evaluate(inPage, { film: film.toString("base64"), moments, rate });
  } finally {
    await browser.close();
  }
}

async function inPage({ film, moments, rate }) {
  const bytes = Uint8Array.from(atob(film), (character) => character.charCodeAt(0));
  const video = document.createElement("video");
  const happens = (event) =>
    new Promise((resolve, reject) => {
      video.addEventListener(event, resolve, { once: true });
      video.addEventListener("error", () => reject(new Error(video.error.message)), { once: true });
    });
  const drawn = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  video.muted = true;
  document.body.append(video);
  const ready = happens("canplaythrough");
  video.src = URL.createObjectURL(new Blob([bytes], { type: "video/mp4" }));
  await ready;
  const { videoWidth: width, videoHeight: height, duration } = video;
  const context = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d", { willReadFrequently: true });
  const colours = [];
  for (const moment of moments) {
    const there = happens("seeked");
    video.currentTime = moment;
    await there;
    await drawn();
    context.drawImage(video, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    const mean = (channel) => data.reduce((sum, value, at) => (at % 4 === channel ? sum + value : sum), 0) / (width * height);
    colours.push([mean(0), mean(1), mean(2)]);
  }
  const end = happens("ended");
  video.currentTime = 0;
  await video.play();
  await end;
  const sound = await new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes.buffer);
  const channels = Array.from({ length: sound.numberOfChannels }, (_, channel) => Array.from(sound.getChannelData(channel)));
  return { width, height, duration, ended: video.currentTime, colours, channels };
}
