"use strict";
// The waveform follows the player, and a click on a time goes there.
const audio = document.querySelector("audio");
const wave = document.querySelector("svg.wave");
if (audio && wave) {
  const head = wave.querySelector(".playhead");
  const seconds = Number(wave.dataset.seconds);
  const width = wave.viewBox.baseVal.width;
  const follow = () => {
    const x = audio.currentTime / seconds * width;
    head.setAttribute("x1", x);
    head.setAttribute("x2", x);
    if (!audio.paused) requestAnimationFrame(follow);
  };
  for (const event of ["loadedmetadata", "play", "seeked", "timeupdate"]) audio.addEventListener(event, follow);
  wave.addEventListener("click", (e) => {
    const box = wave.getBoundingClientRect();
    audio.currentTime = (e.clientX - box.left) / box.width * seconds;
    e.preventDefault();
  });
  for (const link of document.querySelectorAll("[data-seek]")) {
    link.addEventListener("click", (e) => {
      audio.currentTime = Number(link.dataset.seek);
      audio.play();
      e.preventDefault();
    });
  }
}
// The buttons of a running call's recording ask by the API, as programs do.
const tape = document.querySelector(".tape");
if (tape) {
  const told = tape.querySelector(".tape-told");
  for (const button of tape.querySelectorAll("[data-recording]")) {
    button.addEventListener("click", async () => {
      for (const other of tape.querySelectorAll("button")) other.disabled = true;
      told.textContent = "Asking …";
      try {
        const answer = await fetch(`/v1/calls/${tape.dataset.call}/recording`, {
          method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({state: button.dataset.recording}),
        });
        if (!answer.ok) throw new Error((await answer.json()).error.message);
        told.textContent = "Done.";
        location.reload();
      } catch (fault) {
        told.textContent = "Not done: " + fault.message;
        for (const other of tape.querySelectorAll("button")) other.disabled = false;
      }
    });
  }
}
