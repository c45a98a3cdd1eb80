-- Reloads a module when somebody asks for it: for tests that see whether it matters.

local st = require "util.stanza";
local modulemanager = require "core.modulemanager";

module:hook("iq-set/host/urn:example:reloading:reload", function (event)
	local done = modulemanager.reload(module.host, event.stanza.tags[1].attr.module);
	event.origin.send(done and st.reply(event.stanza)
		or st.error_reply(event.stanza, "cancel", "item-not-found"));
	return true;
end);
