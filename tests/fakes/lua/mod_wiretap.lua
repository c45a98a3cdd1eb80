-- Keeps everything that a server can read: for tests that look for secrets in it.
--
-- Each session's bytes in each direction, inside TLS; what proxy65 passes on; and every
-- file in the upload store as it was when it was complete, also if it is deleted later.

local filters = require "util.filters";
local lfs = require "lfs";
local server = require "net.server";

module:set_global();

local folder = module:get_option_string("wiretap_folder");
local count = 0;

local function path(kind)
	count = count + 1;
	return ("%s/%s-%d"):format(folder, kind, count);
end

local function recorder(kind)
	local file = assert(io.open(path(kind), "wb"));
	file:setvbuf("no");
	return function (data)
		file:write(data);
		return data;
	end;
end

filters.add_filter_hook(function (session)
	for _, direction in ipairs { "bytes/in", "bytes/out" } do
		filters.add_filter(session, direction, recorder("session"));
	end
end);

-- mod_proxy65 has two connections linked once its stream is activated.
local link = server.link;
function server.link(from, ...)
	link(from, ...);
	local record, pass = recorder("proxy"), from.onincoming;
	function from:onincoming(data)
		return pass(self, record(data));
	end
end

-- mod_http_file_share gives a file its name when all of it has arrived.
local rename = os.rename;
function os.rename(from, to)
	local done, problem, code = rename(from, to);
	if done and to:find("http_file_share", 1, true) and to:find("%.bin$") then
		assert(lfs.link(to, path("store")));
	end
	return done, problem, code;
end
