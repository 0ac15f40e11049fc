// Shows the values of the column under the pointer. Everything else is in the page itself.
for (const figure of document.querySelectorAll("[data-chart]")) {
  const rows = JSON.parse(figure.dataset.chart);
  const area = figure.querySelector(".area");
  const cursor = figure.querySelector(".cursor");
  const tip = figure.querySelector(".tip");
  const names = [...figure.querySelectorAll(".legend li")];
  const hide = () => { cursor.hidden = tip.hidden = true; };
  const show = (event) => {
    const box = area.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    let best = 0;
    rows.forEach((row, at) => {
      if (Math.abs(row[0] - share) < Math.abs(rows[best][0] - share)) best = at;
    });
    const [place, name, texts] = rows[best];
    cursor.style.left = `${place * 100}%`;
    tip.replaceChildren();
    const head = document.createElement("b");
    head.textContent = name;
    tip.append(head);
    texts.forEach((text, at) => {
      if (text === null) return;
      const line = document.createElement("span");
      line.className = names[at].className;
      line.textContent = `${names[at].textContent} ${text}`;
      tip.append(line);
    });
    cursor.hidden = tip.hidden = false;
    const outer = figure.getBoundingClientRect();
    const left = box.left - outer.left + place * box.width;
    tip.style.top = `${box.top - outer.top + 8}px`;
    tip.style.left = `${Math.max(4, Math.min(left + 12, outer.width - tip.offsetWidth - 4))}px`;
    if (left + 12 + tip.offsetWidth > outer.width) {
      tip.style.left = `${Math.max(4, left - 12 - tip.offsetWidth)}px`;
    }
  };
  area.addEventListener("pointermove", show);
  area.addEventListener("pointerdown", show);
  area.addEventListener("pointerleave", hide);
}
