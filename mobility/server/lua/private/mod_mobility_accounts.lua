-- Makes a running Prosody see accounts that were changed on disk.
--
-- New accounts and passwords need nothing: Prosody reads them at each login. Live
-- sessions do: on SIGHUP ("config-reloaded") those of deleted accounts are closed and
-- what Prosody still holds of them is forgotten.

local storagemanager = require "core.storagemanager";
local usermanager = require "core.usermanager";

local host = module.host;

module:hook_global("config-reloaded", function ()
	-- usermanager.user_exists says yes while a session lives; the provider reads the disk.
	local provider = usermanager.get_provider(host);
	local gone = {};
	for username in pairs(prosody.hosts[host].sessions) do
		if not provider.user_exists(username) then
			table.insert(gone, username);
		end
	end
	for _, username in ipairs(gone) do
		module:log("info", "The account %s was deleted: closing its sessions", username);
		prosody.events.fire_event("user-deleted", { username = username, host = host });
		storagemanager.purge(username, host);
	end
end);
