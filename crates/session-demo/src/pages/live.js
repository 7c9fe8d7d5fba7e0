// Tells this page that its session has ended: signed out in another tab or on another device, or expired.
const events = new EventSource("/live");
events.addEventListener("ended", () => {
  events.close();
  document.getElementById("ended").hidden = false;
});
