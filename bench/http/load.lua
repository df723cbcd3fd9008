-- What wrk sends: one kind of request, its bodies read from a folder.
local kind, folder, bodies, next_body, serial = nil, nil, {}, 0, 0
local JSON = {["Content-Type"] = "application/json"}
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

local function read(name)
  local list = {}
  for line in io.lines(folder .. "/" .. name) do list[#list + 1] = line end
  return list
end

function init(args)
  kind, folder = args[1], args[2]
  good, bad = 0, 0
  math.randomseed(os.time())
  serial = math.random(1, 1000000) * 1000000
  if kind ~= "health" then
    bodies = read((kind == "json" and "json") or (kind == "base64" and "base64") or "rows")
  end
end

local function search(body)
  return wrk.format("POST", "/search", JSON, '{"k": 10, ' .. body .. '}')
end

local function insert(body)
  serial = serial + 1
  return wrk.format("POST", "/vectors", JSON,
                    '{"id": "' .. string.format("%.0f", serial) .. '", ' .. body .. '}')
end

function request()
  if kind == "health" then return wrk.format("GET", "/health") end
  next_body = next_body % #bodies + 1
  local body = bodies[next_body]
  if kind == "insert" then return insert(body) end
  if kind == "mixed" and next_body % 10 == 0 then return insert(body) end
  if kind ~= "batch" then return search(body) end
  local rows = {}
  for i = 1, 100 do
    serial = serial + 1
    rows[i] = '{"id": "' .. string.format("%.0f", serial) .. '", '
              .. bodies[(next_body + i) % #bodies + 1] .. '}'
  end
  return wrk.format("POST", "/vectors/batch", JSON,
                    '{"vectors": [' .. table.concat(rows, ",") .. ']}')
end

function response(status)
  if status == 200 or status == 201 then good = good + 1 else bad = bad + 1 end
end

function done(summary)
  local sum, wrong = 0, 0
  for _, thread in ipairs(threads) do
    sum = sum + thread:get("good")
    wrong = wrong + thread:get("bad")
  end
  local e = summary.errors
  print(string.format("answers %d %d %d %.3f", sum, wrong,
                      e.connect + e.read + e.write + e.timeout, summary.duration / 1e6))
end
