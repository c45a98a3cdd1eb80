-- Loads modules again, or not any more, for whoever asks: for tests that see what it does.

local st = require "util.stanza";
local modulemanager = require "core.modulemanager";

for _, action in ipairs { "reload", "unload" } do
	module:hook("iq-set/host/urn:example:reloading:" .. action, function (event)
		local done = modulemanager[action](module.host, event.stanza.tags[1].attr.module);
		event.origin.send(done and st.reply(event.stanza)
			or st.error_reply(event.stanza, "cancel", "item-not-found"));
		return true;
	end);
end
