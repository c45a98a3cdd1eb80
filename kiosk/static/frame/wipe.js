// The last page on an app's origin. Clear-Site-Data came with it; what follows is for
// the browser that does not know the header.

const done = [];
for (const cookie of document.cookie.split("; ")) {
  const expired = `${cookie.split("=")[0]}=; Max-Age=0`;
  document.cookie = expired;
  document.cookie = `${expired}; SameSite=None; Secure; Partitioned`;
}
try {
  localStorage.clear();
  sessionStorage.clear();
  for (const { name } of await indexedDB.databases()) {
    done.push(new Promise((resolve) => {
      const request = indexedDB.deleteDatabase(name);
      request.onsuccess = request.onerror = request.onblocked = resolve;
    }));
  }
  for (const name of await caches.keys()) done.push(caches.delete(name));
  const workers = await navigator.serviceWorker.getRegistrations();
  for (const worker of workers) done.push(worker.unregister());
} catch (error) {
  console.error(error); // storage is switched off: then there is none
}
await Promise.allSettled(done);
parent.postMessage({ mobility: "wiped" }, "$shell");
