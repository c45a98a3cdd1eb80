-- Lets whoever uploaded a file delete it again (mod_http_file_share cannot).
--
-- For the upload component. The file goes at once. Its record goes with it if the token
-- for the upload is no longer valid, otherwise a moment later: until then it counts for
-- the quota, since somebody could upload the file once more with that token.

local jid = require "util.jid";
local st = require "util.stanza";
local url = require "socket.url";
local paths = require "core.storagemanager".olddm;

local xmlns = "urn:xmpp:tmp:mobility:upload:0";
local token_lifetime = 300; -- of mod_http_file_share, in seconds

local uploads = module:open_store("uploads", "archive");

module:add_feature(xmlns);

-- The address ends in /SLOT/NAME.
local function slot_of(address)
	local parsed = url.parse(address or "");
	local path = parsed and parsed.path and url.parse_path(parsed.path);
	return path and #path >= 2 and path[#path - 1] or nil;
end

local function remove(slot)
	os.remove(paths.getpath(slot, module.host, "http_file_share", "bin"));
end

local function forget(slot)
	remove(slot);
	local ok, err = uploads:delete(nil, { key = slot });
	if not ok then
		module:log("error", "The record of a deleted file stays: %s", err);
	end
end

module:hook("iq-set/host/" .. xmlns .. ":delete", function (event)
	local origin, stanza = event.origin, event.stanza;
	local slot = slot_of(stanza.tags[1].attr.url);
	local record, when, owner;
	if slot then
		record, when, owner = uploads:get(nil, slot);
	end
	if not record or owner ~= jid.bare(stanza.attr.from) then
		-- Nobody learns which files of others there are.
		origin.send(st.error_reply(stanza, "cancel", "item-not-found"));
		return true;
	end
	local valid = when + token_lifetime - os.time();
	if valid < 0 then
		forget(slot);
	else
		remove(slot);
		module:add_timer(valid + 1, function () forget(slot); end);
	end
	module:log("info", "%s deleted an upload", owner);
	origin.send(st.reply(stanza));
	return true;
end);
