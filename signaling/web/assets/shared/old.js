// For browsers without modules: plain old script, nothing newer.
document.addEventListener("DOMContentLoaded", function () {
  document.getElementById("old").hidden = false;
});
