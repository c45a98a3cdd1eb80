// The last page on an app's origin. Clear-Site-Data came with it; what follows is for a
// browser that does not know the header.

async function each(names, remove) {
  await Promise.all([...(await names)].map(remove));
}

function removed(name) {
  return new Promise((resolve) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = request.onerror = request.onblocked = resolve;
  });
}

const stores = [
  async () => localStorage.clear(),
  async () => sessionStorage.clear(),
  () => each(indexedDB.databases(), ({ name }) => removed(name)),
  () => each(caches.keys(), (name) => caches.delete(name)),
  () => each(navigator.serviceWorker.getRegistrations(), (worker) => worker.unregister()),
];

// One that fails is one that the browser keeps from frames: then nothing is in it.
await Promise.allSettled(stores.map(async (clear) => clear()));
parent.postMessage({ mobility: "wiped" }, "$shell");
