-- The list of this venue's displays: a node of the pubsub component that anybody reads.
--
-- For the pubsub component. Which accounts are displays, `mobility_displays` says (bare
-- JIDs), or `mobility server displays`. Each writes one item, which has the name of its
-- account, and no other. The items are held in memory: whoever is in the list is logged in,
-- and a display that logs in anew lists itself anew.

local jid = require "util.jid";
local st = require "util.stanza";
local cache = require "util.cache";
local storagemanager = require "core.storagemanager";

local node = "urn:xmpp:tmp:mobility:displays:0";
local xmlns_pubsub = "http://jabber.org/protocol/pubsub";

local domain = module:get_option_string("mobility_displays_of",
	module.host:match("^[^%.]+%.(.+)$"));
local most = module:get_option_number("mobility_displays_most", 1000);
local largest = module:get_option_number("mobility_displays_size", 4096); -- bytes
-- A display changes its process after each visit, so nobody sees when that is.
local grace = module:get_option_number("mobility_displays_grace", 60); -- seconds
local silence = module:get_option_number("mobility_displays_silence", 15 * 60); -- seconds

local function is_named(bare) -- asked each time, so that a changed configuration counts
	return module:get_option_set("mobility_displays", {}):contains(bare);
end

local marks;

local function is_marked(name) -- the domain may be loaded after us
	marks = marks or prosody.hosts[domain] and storagemanager.open(domain, "mobility_displays");
	return marks and marks:get(name);
end

local service = module:depends("pubsub").service;
local original = getmetatable(service).__index;

local heard = {}; -- name to when it was published
local seen = {}; -- name to when it was logged in last

local function name_of(actor)
	local name, host = jid.split(actor);
	if name and host == domain
			and (is_named(jid.join(name, host)) or is_marked(name)) then
		return name;
	end
end

local function is_entry(item)
	local payload = st.is_stanza(item) and item.tags[1];
	return payload and #item.tags == 1 and payload.name == "display"
		and payload.attr.xmlns == node and #tostring(payload) <= largest;
end

function service:publish(name, actor, id, item, ...)
	if name ~= node then
		return original.publish(self, name, actor, id, item, ...);
	elseif actor ~= true and name_of(actor) ~= id then
		return false, "forbidden";
	elseif not is_entry(item) then
		return false, "not-acceptable";
	end
	local entries = self.data[node];
	if not entries:get(id) and entries:count() >= most then
		return false, "not-acceptable";
	end
	heard[id], seen[id] = os.time(), os.time();
	return original.publish(self, name, true, id, item, ...);
end

function service:retract(name, actor, id, ...)
	if name ~= node then
		return original.retract(self, name, actor, id, ...);
	elseif actor ~= true and name_of(actor) ~= id then
		return false, "forbidden";
	end
	heard[id], seen[id] = nil, nil;
	return original.retract(self, name, true, id, ...);
end

-- Nobody is told when displays come and go; who wants to know what is there asks.
function service:add_subscription(name, ...)
	if name == node then
		return false, "forbidden";
	end
	return original.add_subscription(self, name, ...);
end

local itemstore = service.config.itemstore;
function service.config.itemstore(config, name)
	if name == node then
		return cache.new(most);
	end
	return itemstore(config, name);
end

local function is_here(name)
	local account = prosody.hosts[domain] and prosody.hosts[domain].sessions[name];
	for _, session in pairs(account and account.sessions or {}) do
		if not session.hibernating then
			return true;
		end
	end
	return false;
end

local function gone(name, now)
	if is_here(name) then
		seen[name] = now;
	end
	return now - (seen[name] or 0) >= grace or now - (heard[name] or 0) >= silence
		or not name_of(jid.join(name, domain));
end

local function tidy()
	local now, names = os.time(), {};
	for name in service.data[node]:items() do
		if gone(name, now) then
			table.insert(names, name);
		end
	end
	for _, name in ipairs(names) do
		module:log("info", "A display is not listed any more: %s", name);
		service:retract(node, true, name);
	end
	return math.max(1, grace / 4);
end

function module.save()
	return { heard = heard; seen = seen };
end

function module.restore(data)
	heard, seen = data.heard, data.seen;
end

function module.load()
	if not module.reloading then
		service:delete(node, true); -- of an earlier run, or made by somebody else
		service:create(node, true, {
			title = "Displays of this venue";
			access_model = "open";
			publish_model = "publishers";
			max_items = most;
			notify_items = false;
			notify_retract = false;
			send_last_published_item = "never";
		});
	end
	module:add_timer(1, tidy);
end

function module.unload()
	service.publish, service.retract, service.add_subscription = nil, nil, nil;
	service.config.itemstore = itemstore;
end
