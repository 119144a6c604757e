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
