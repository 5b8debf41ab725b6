-- Runs a KumoMTA policy without KumoMTA: lua5.4 kumo-stand-in.lua POLICY EVENT RECIPIENT < message. Fires the event and prints the
-- message that comes of it. Has what the policy uses, as KumoMTA's reference and sources say it behaves; HTTP goes through curl to
-- WAYPOST_URL, whatever server the policy names.
local policy, event, recipient = table.unpack(arg)
local handlers = {}

local function write_file(data)
  local path = os.tmpname()
  local file = assert(io.open(path, 'wb'))
  file:write(data)
  file:close()
  return path
end

local function read_file(path)
  local file = assert(io.open(path, 'rb'))
  local data = file:read 'a'
  file:close()
  os.remove(path)
  return data
end

local function send(request)
  local lines = { 'silent', 'request = POST' }
  for name, value in pairs(request.headers) do
    lines[#lines + 1] = ('header = "%s: %s"'):format(name, value)
  end
  local config, body, reply = write_file(table.concat(lines, '\n')), write_file(request.data), os.tmpname()
  local command = ("curl -K %s --data-binary @%s -o %s -w '%%{http_code}' '%s'"):format(config, body, reply, request.url)
  local status = assert(io.popen(command)):read 'n'
  os.remove(config)
  os.remove(body)
  local data = read_file(reply)
  assert(status and status > 0, 'error sending request')
  return {
    status_is_success = function()
      return status >= 200 and status < 300
    end,
    bytes = function()
      return data
    end,
  }
end

local function post(_, url)
  local request = { headers = {}, url = url }
  request.header = function(self, name, value)
    self.headers[name] = value
  end
  request.body = function(self, data)
    -- A Rust string there.
    assert(utf8.len(data), 'invalid utf-8 sequence')
    self.data = data
  end
  request.send = send
  return request
end

local function build_url(base, parameters)
  local query = {}
  for name, value in pairs(parameters) do
    query[#query + 1] = name .. '=' .. value:gsub('[^%w%-._]', function(c)
      return ('%%%02X'):format(c:byte())
    end)
  end
  return base:gsub('^http://[^/]+', os.getenv 'WAYPOST_URL') .. '?' .. table.concat(query, '&')
end

package.preload.kumo = function()
  return {
    on = function(name, handler)
      handlers[name] = handler
    end,
    http = {
      build_url = build_url,
      build_client = function()
        return { post = post }
      end,
    },
  }
end

local data = io.read 'a'
dofile(policy)
handlers[event] {
  recipient = function()
    return { email = recipient }
  end,
  get_data = function()
    return data
  end,
  set_data = function(_, changed)
    data = changed
  end,
}
io.write(data)
