-- Lets the users of this server create nodes on its pubsub component.
--
-- mod_pubsub of 0.12 lets administrators only. Whoever creates a node owns it, and
-- decides who may read and publish there; nothing else is allowed by this module. Names
-- that the protocol gives a meaning are not theirs: whoever made such a node would speak
-- for the server.

local jid_split = require "util.jid".split;

local users = module:get_option_set("mobility_nodes_access", {
	module.host:match("^[^%.]+%.(.+)$");
});
local reserved = "urn:xmpp:tmp:mobility:";
local config = module:depends("pubsub").service.config;

local capabilities = {};
for affiliation, may in pairs(config.capabilities) do
	capabilities[affiliation] = may;
end
capabilities.creator = { create = true };
config.capabilities = capabilities;

local get_affiliation = config.get_affiliation;
function config.get_affiliation(jid, node, action)
	local affiliation = get_affiliation(jid, node, action);
	if affiliation or action ~= "create" or node and node:sub(1, #reserved) == reserved then
		return affiliation;
	end
	local _, host = jid_split(jid);
	return users:contains(host) and "creator" or nil;
end
